"""The same experiment with models of several sizes, compared in pairs."""
