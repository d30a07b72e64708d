"""A system prompt is no wall: what a user's text makes a model give away."""
