"""One folder a notebook: what its cells call, what they show, and the checks of its exercises."""
