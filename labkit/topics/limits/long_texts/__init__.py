"""Long texts: what is found in them, and what a conversation costs as it grows."""
