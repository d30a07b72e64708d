"""What each part of a prompt gains, and what it costs."""
