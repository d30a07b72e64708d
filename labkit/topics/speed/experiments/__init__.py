"""Experiments that vary one thing: threads, dtype, engine, number format, length."""
