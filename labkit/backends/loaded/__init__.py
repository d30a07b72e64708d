"""A loaded model, in torch or served: what opens it, and what only such a model can do."""
