"""One way to ask any model: a stream of steps, a token each, with all that was measured."""
