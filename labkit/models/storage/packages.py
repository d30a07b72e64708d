"""Downloading wheels of Python packages: several at once, resumable, each checked.

The address of a package comes from pip, so that the index, mirror or proxy set up on the machine is
used; the hub client's downloader fetches the bytes and resumes.
"""

import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.parse
import urllib.request
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from labkit.errors import LabError
from labkit.models.entry import Wheel
from labkit.models.temporary_setting import temporary_setting

from . import store


@dataclass(frozen=True, slots=True)
class Download:
    """A file to download.

    Attributes:
        url: its address.
        target: where it is to lie.
        sha256: its checksum.
        title: its name in errors.
    """

    url: str
    target: Path
    sha256: str
    title: str

    @property
    def part(self) -> Path:
        """What has arrived so far."""
        return self.target.with_suffix(".part")

    @property
    def arrived_bytes(self) -> int:
        """Bytes that are here."""
        return sum(path.stat().st_size for path in (self.part, self.target) if path.exists())


def fetch_wheels(wheels: Sequence[Wheel], folder: Path, title: str, total_bytes: int) -> list[Path]:
    """The wheels in that folder, their sha256 checked; what is missing is downloaded.

    Args:
        wheels: wheels to fetch.
        folder: where they are to lie.
        title: what they are, for the progress bar.
        total_bytes: their size.
    Raises:
        LabError: no network, no such package, or a file that arrived damaged twice.
    """
    folder.mkdir(exist_ok=True)
    targets = [folder / f"{wheel.package}-{wheel.version}.whl" for wheel in wheels]
    pairs = zip(wheels, targets, strict=True)
    missing = {
        wheel: path
        for wheel, path in pairs
        if not path.exists() or store.sha256_of(path) != wheel.sha256
    }
    downloads = [
        Download(url, missing[wheel], wheel.sha256, f"The package {wheel.package} {wheel.version}")
        for wheel, url in _wheel_urls(list(missing)).items()
    ]
    download_all(downloads, title, total_bytes)
    return targets


def _wheel_urls(wheels: Sequence[Wheel]) -> dict[Wheel, str]:
    """The addresses from which pip would download packages; downloads nothing."""
    if not wheels:
        return {}
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet"]
    only = ["--no-deps", "--ignore-installed", "--only-binary", ":all:"]
    pinned = [f"{wheel.package}=={wheel.version}" for wheel in wheels]
    with tempfile.TemporaryDirectory() as folder:
        # To a file: pip's output is coloured if FORCE_COLOR is set, as in a notebook.
        report = Path(folder) / "report.json"
        command = [*pip, *only, "--report", report, *pinned]
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False
        )
        found = json.loads(report.read_bytes())["install"] if done.returncode == 0 else ()
    if not found:
        last = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        more = f" and {len(wheels) - 1} more" if len(wheels) > 1 else ""
        raise LabError(
            f"pip does not find the package {wheels[0].package} {wheels[0].version}{more}: {last}",
            "Is the network up? Without one, models can come from an archive: "
            "python3 -m labkit models unpack FILE.",
        )
    urls = {_normal(each["metadata"]["name"]): each["download_info"]["url"] for each in found}
    return {wheel: urls[_normal(wheel.package)] for wheel in wheels}


def _normal(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def download_all(downloads: Sequence[Download], title: str, total_bytes: int) -> None:
    """Downloads files, four at a time, with one progress bar."""
    if not downloads:
        return
    from huggingface_hub import constants
    from tqdm.auto import tqdm as auto_tqdm

    stop = threading.Event()
    expected = {"total": total_bytes, "unit": "B", "unit_scale": True}
    with (
        # HF_HUB_OFFLINE is about the hub, not about a package index.
        temporary_setting(vars(constants), "HF_HUB_OFFLINE", False),
        auto_tqdm(desc=f"{title}: downloading", **expected) as bar,
        ThreadPoolExecutor(max_workers=4) as pool,
    ):
        running = [pool.submit(_download_checked, each, stop) for each in downloads]
        try:
            while wait(running, timeout=0.2, return_when=FIRST_EXCEPTION).not_done:
                bar.update(sum(each.arrived_bytes for each in downloads) - bar.n)
                if any(each.done() and each.exception() for each in running):
                    break
            for each in running:
                if each.done():
                    each.result()
        finally:  # an interrupt or a failure ends the others at their next piece
            stop.set()
            pool.shutdown(cancel_futures=True)
        bar.update(sum(each.arrived_bytes for each in downloads) - bar.n)


def _download_checked(download: Download, stop: threading.Event) -> None:
    for _ in range(2):  # a damaged download is retried once, then reported
        _download(download, stop)
        if store.sha256_of(download.part) == download.sha256:
            download.part.replace(download.target)
            return
        download.part.unlink()
    raise LabError(
        f"{download.title} arrived damaged twice: its checksum differs from the catalogue.",
        "Try again later, or from another network; a proxy may change downloads.",
    )


class _NoBar(tqdm):
    """The hub client's own progress bar, hidden: there is one for all downloads."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs | {"disable": True})


class _PartFile(io.FileIO):
    """A file to append to, which refuses to be written once the event is set."""

    def __init__(self, path: Path, stop: threading.Event):
        super().__init__(path, "ab")
        self._stop = stop

    def write(self, data) -> int:
        if self._stop.is_set():
            raise InterruptedError("stopped")
        return super().write(data)


def _download(download: Download, stop: threading.Event) -> None:
    """Downloads to the part, resuming an earlier attempt."""
    from huggingface_hub.file_download import http_get

    if download.url.startswith("file:"):  # an index on this disk
        path = urllib.request.url2pathname(urllib.parse.urlsplit(download.url).path)
        shutil.copyfile(path, download.part)
        return
    try:
        with _PartFile(download.part, stop) as file:
            http_get(download.url, file, resume_size=file.tell(), tqdm_class=_NoBar)
    except Exception as error:  # the client's errors differ by version; all mean the same here
        answer = getattr(error, "response", None)
        if answer is not None and answer.status_code == 416:
            return  # the part is complete already, or another file: the checksum decides
        raise LabError(
            f"{download.title} did not arrive: {error}", "Run the same again: the download resumes."
        ) from error
