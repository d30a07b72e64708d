"""A model's files: download, store, inventory, and archives."""
