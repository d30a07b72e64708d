"""The decision: kinds of work, places that can do them, and which is recommended."""
