"""A cloud without a key: a local model behind an emulated wide-area link."""
