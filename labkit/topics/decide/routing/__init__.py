"""Whether a router is worth it: graded items, its quality against cost and time, and baselines."""
