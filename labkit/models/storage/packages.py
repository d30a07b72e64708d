"""Downloading wheels of Python packages: several at once, resumable, each checked.

The address of a package comes from pip, so that the index, mirror or proxy set up on the machine is
used; the hub client's downloader fetches the bytes and resumes. It has no name and password of pip,
nor its proxy: where it gets nothing, pip itself downloads the file.
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
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from labkit.errors import LabError
from labkit.models.entry import Wheel
from labkit.models.temporary_setting import temporary_setting

from . import store
from .hub import hub_client, hub_reason

PIP = (sys.executable, "-m", "pip", "--no-input")  # it would wait for a password, unseen
ONLY_WHEELS = ("--quiet", "--no-deps", "--only-binary", ":all:")
REFUSED = (401, 403, 407)  # a password is missing, that of the proxy too


@dataclass(frozen=True, slots=True)
class Download:
    """A file to download.

    Attributes:
        url: its address.
        target: where it is to lie.
        sha256: its checksum.
        title: its name in errors.
        pinned: the package as pip names it, such as ``"a==1.0"``; None if pip does not have it.
    """

    url: str
    target: Path
    sha256: str
    title: str
    pinned: str | None = None

    @property
    def part(self) -> Path:
        """What has arrived so far."""
        return self.target.with_suffix(".part")

    @property
    def arrived_bytes(self) -> int:
        """Bytes that are here."""
        total = 0
        for path in (self.part, self.target):
            with suppress(OSError):  # not there, or just renamed from the one to the other
                total += path.stat().st_size
        return total


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
        Download(
            url,
            missing[wheel],
            wheel.sha256,
            f"The package {wheel.package} {wheel.version}",
            _pinned(wheel),
        )
        for wheel, url in _wheel_urls(list(missing)).items()
    ]
    download_all(downloads, title, total_bytes)
    return targets


def _wheel_urls(wheels: Sequence[Wheel]) -> dict[Wheel, str]:
    """The addresses from which pip would download packages.

    Nothing is downloaded where the index has the packages' metadata in files of their own (PEP
    658), as PyPI has; for any other index, pip fetches each wheel whole to look into it.
    """
    if not wheels:
        return {}
    pip = [*PIP, "install", "--dry-run", "--ignore-installed"]
    with tempfile.TemporaryDirectory() as folder:
        # To a file: pip's output is coloured if FORCE_COLOR is set, as in a notebook.
        report = Path(folder) / "report.json"
        command = [*pip, *ONLY_WHEELS, "--report", report, *map(_pinned, wheels)]
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False
        )
        found = json.loads(report.read_bytes())["install"] if done.returncode == 0 else ()
    if not found:
        last = _last_line(done.stderr)
        more = f" and {len(wheels) - 1} more" if len(wheels) > 1 else ""
        raise LabError(
            f"pip does not find the package {wheels[0].package} {wheels[0].version}{more}: {last}",
            "Is the network up? Without one, models can come from an archive: "
            "python3 -m labkit models unpack FILE.",
        )
    urls = {_normal(each["metadata"]["name"]): each["download_info"]["url"] for each in found}
    return {wheel: urls[_normal(wheel.package)] for wheel in wheels}


def _pinned(wheel: Wheel) -> str:
    return f"{wheel.package}=={wheel.version}"


def _last_line(output: str) -> str:
    return (output.strip().splitlines() or ["pip gave no reason"])[-1]


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

    hub_client()
    if download.url.startswith("file:"):  # an index on this disk
        path = urllib.request.url2pathname(urllib.parse.urlsplit(download.url).path)
        return _copy(Path(path), download)
    try:
        with _PartFile(download.part, stop) as file:
            http_get(download.url, file, resume_size=file.tell(), tqdm_class=_NoBar)
    except Exception as error:  # the client's errors differ by version; all mean the same here
        answer = getattr(error, "response", None)
        status = None if answer is None else answer.status_code
        if status == 416:
            return  # the part is complete already, or another file: the checksum decides
        reason = hub_reason(error)
        silent = status is None and not isinstance(error, OSError) and not download.arrived_bytes
        if download.pinned and (status in REFUSED or silent):
            reason = _download_by_pip(download, download.pinned, stop)
            if not reason:
                return
        raise LabError(
            f"{download.title} did not arrive: {reason}",
            "Run the same again: the download resumes.",
        ) from error


def _download_by_pip(download: Download, pinned: str, stop: threading.Event) -> str:
    """Has pip itself download the file to the part; the reason if it does not, else empty."""
    with tempfile.TemporaryDirectory(dir=download.target.parent) as folder:
        command = [*PIP, "download", *ONLY_WHEELS, "-d", folder, pinned]
        pip = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace")
        while True:
            try:
                _, output = pip.communicate(timeout=0.2)
                break
            except subprocess.TimeoutExpired:
                if stop.is_set():
                    pip.kill()
        if pip.returncode:
            return _last_line(output)
        (wheel,) = Path(folder).glob("*.whl")
        _copy(wheel, download)
        return ""


def _copy(file: Path, download: Download) -> None:
    shutil.copyfile(file, download.part)
