"""What makes the light set-up small, beside the packages that it leaves out.

Measured on Linux with Python 3.11, without bytecode: llama.cpp's engine comes with 80 MB that only
a debugger reads, and JupyterLab and its extensions with 27 MB of files that are there twice.
"""

import contextlib
import hashlib
import os
import struct
from collections import defaultdict

from labkit.filesystem.write import replaced

ENGINES = ("xllamacpp/*.so",)
WORTH_LINKING = 4096  # bytes: a smaller file takes one block of the disk anyway
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")  # of ELF, 64 bits: man 5 elf
_PROGRAM = struct.Struct("<IIQQQQQQ")
_ELF = b"\x7fELF\x02\x01"  # 64 bits, little-endian


def shrink(venv, site):
    """Makes an environment smaller; every program in it runs as before."""
    for pattern in ENGINES:
        for library in site.glob(pattern):
            drop_debug_sections(library)
    link_equal_files(venv)


def drop_debug_sections(library):
    """Cuts off what follows the part of a Linux library that is loaded: symbols, debug sections.

    Anything else than a 64-bit ELF file stays as it is.
    """
    content = library.read_bytes()
    if not content.startswith(_ELF) or len(content) < _HEADER.size:
        return
    header = [*_HEADER.unpack_from(content)]
    programs, size, count = header[5], header[9], header[10]
    loaded = [_PROGRAM.unpack_from(content, programs + n * size) for n in range(count)]
    end = max((offset + length for _, _, offset, _, _, length, _, _ in loaded), default=0)
    if not 0 < end < len(content):
        return
    header[6] = header[12] = header[13] = 0  # where the sections are, how many, and their names
    mode = library.stat().st_mode
    with replaced(library) as file:
        file.write(_HEADER.pack(*header) + content[_HEADER.size : end])
    library.chmod(mode)


def link_equal_files(folder):
    """Has files with equal contents share their place on the disk, where it can do that."""
    by_size = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.stat().st_size > WORTH_LINKING:
            by_size[path.stat().st_size, path.stat().st_mode].append(path)
    for paths in by_size.values():
        first = {}
        for path in paths if len(paths) > 1 else ():
            same = first.setdefault(hashlib.sha256(path.read_bytes()).digest(), path)
            if not path.samefile(same):
                with contextlib.suppress(OSError):  # a disk without links
                    _link(same, path)


def _link(source, path):
    """A new link beside the file, then moved over it: a kill leaves the one or the other."""
    aside = path.with_name(f".labkit-{os.getpid()}.part")
    os.link(source, aside)
    os.replace(aside, path)
