"""What makes the light set-up small leaves everything usable."""

import subprocess
import sys
from pathlib import Path

import pytest
import regex._regex

from labkit.install.light import drop_debug_sections, link_equal_files, shrink

LOAD = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("_regex", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(module.MAGIC)
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="libraries of Linux")


@linux
def test_a_library_is_smaller_and_loads_as_before(tmp_path):
    whole = Path(regex._regex.__file__)
    library = tmp_path / whole.name
    library.write_bytes(whole.read_bytes())
    library.chmod(0o755)
    drop_debug_sections(library)
    size = library.stat().st_size
    assert size < whole.stat().st_size and library.stat().st_mode & 0o777 == 0o755
    loaded = subprocess.run([sys.executable, "-c", LOAD, library], capture_output=True, text=True)
    assert loaded.stdout.strip() == str(regex._regex.MAGIC), loaded.stderr
    drop_debug_sections(library)  # nothing is left to cut off
    assert library.stat().st_size == size


@pytest.mark.parametrize("content", [b"", b"\x7fELF\x02\x01", b"MZ" + bytes(100), b"text" * 50])
def test_what_is_no_library_stays_as_it_is(tmp_path, content):
    file = tmp_path / "a.so"
    file.write_bytes(content)
    drop_debug_sections(file)
    assert file.read_bytes() == content


def test_equal_files_share_their_place(tmp_path):
    contents = {"a/x": b"x" * 9000, "b/y": b"x" * 9000, "z": b"z" * 9000, "t": b"x", "u": b"x"}
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    link_equal_files(tmp_path)
    assert (tmp_path / "a/x").samefile(tmp_path / "b/y")
    assert not (tmp_path / "t").samefile(tmp_path / "u")
    found = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {tmp_path / name: content for name, content in contents.items()}


@linux
def test_the_engine_is_among_what_is_cut(tmp_path):
    whole = Path(regex._regex.__file__)
    library = tmp_path / "xllamacpp" / "xllamacpp.abi3.so"
    library.parent.mkdir()
    library.write_bytes(whole.read_bytes())
    shrink(tmp_path, tmp_path)
    assert library.stat().st_size < whole.stat().st_size
