"""Tasks with right answers, the prompts that ask them, and what counts as right."""
