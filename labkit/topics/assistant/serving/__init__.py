"""What editors need to be told to use a local server."""
