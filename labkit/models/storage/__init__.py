"""A model's files: fetched, kept, listed, packed and unpacked."""
