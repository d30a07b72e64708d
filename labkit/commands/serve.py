"""``python3 -m labkit serve MODEL``: llama.cpp's own server for the editor that one already has."""

import secrets
import time

from labkit.backends.llamacpp.server import serve_file, served_file
from labkit.commands.lab import LOOPBACK, checked_port, free_port
from labkit.formatting import printable
from labkit.topics.assistant.serving.editors import editor_settings

PORT = 8012  # where llama.vscode looks


def main(args) -> int:
    """Serves a model until it is stopped, after it has printed the editors' settings."""
    port = checked_port(args.host, args.port) if args.port else free_port(args.host, PORT)
    file = served_file(args.model)  # which may take a download
    is_wider = args.host not in LOOPBACK
    key = secrets.token_hex(24) if is_wider or args.key else ""
    server = serve_file(file, args.host, port, key, args.origin, args.context)
    settings = editor_settings(server.address, file.stem, key=key, fills=server.fills)
    print(printable(f"{file} is served at {server.address}\n"))
    if is_wider:
        print(
            "Anyone who can reach this machine and has the key can use it; it is not encrypted.\n"
        )
    print(f"{settings}\n\nStop with Ctrl-C.", flush=True)
    while True:  # llama.cpp answers in threads of its own
        time.sleep(3600)
