"""Answers that keep to a schema, an expression, a list or a grammar, and what that costs."""
