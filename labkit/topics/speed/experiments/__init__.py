"""One thing varied at a time: threads, dtype, engine, number format, length."""
