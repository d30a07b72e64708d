"""What editors need to know to use a local server."""
