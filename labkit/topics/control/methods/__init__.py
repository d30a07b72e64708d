"""One task done in several ways: prompted, constrained, trained, or by another kind of model."""
