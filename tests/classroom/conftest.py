"""What tests of a class share: a certificate for the loopback."""

from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Certificate:
    """Files for TLS on 127.0.0.1: a chain with its key, and who signed it, whom nobody knows."""

    chain: str
    key: str
    authority: str


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate that is really made."""
    import trustme

    authority, folder = trustme.CA(), tmp_path_factory.mktemp("tls")
    issued = authority.issue_cert("127.0.0.1")
    found = Certificate(*(str(folder / name) for name in ("chain.pem", "key.pem", "ca.pem")))
    for number, blob in enumerate(issued.cert_chain_pems):
        blob.write_to_path(found.chain, append=bool(number))
    issued.private_key_pem.write_to_path(found.key)
    authority.cert_pem.write_to_path(found.authority)
    return found
