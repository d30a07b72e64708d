"""Executing notebooks, and writing them as pages that work offline."""
