"""Chat templates, which are their publishers' programs: run within limits, and switched."""
