"""Less memory for each of many Jupyter servers and kernels on one machine."""

# Of GNU's library: one arena for all threads, and what is free goes back to the system at once.
FRUGAL = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TRIM_THRESHOLD_": "131072",
    "MALLOC_MMAP_THRESHOLD_": "131072",
}
# The first lines of a server's program: jsonschema takes 17 MB for what it can do without.
LEAN_START = """
import sys
sys.modules["rfc3987_syntax"] = None
"""
