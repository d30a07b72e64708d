"""Less memory for each of many Jupyter servers and kernels on one machine."""

# Of GNU's library: one arena for all threads, and what is free goes back to the system at once.
FRUGAL = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TRIM_THRESHOLD_": "131072",
    "MALLOC_MMAP_THRESHOLD_": "131072",
}
# The first lines of a server's program. Without these, which others load if they are there, it
# takes 22 MB less: formats of JSON schema, and httpx's command line.
LEAN_START = """
import sys
sys.modules |= dict.fromkeys(("rfc3987_syntax", "isoduration", "httpx._main"))
"""
