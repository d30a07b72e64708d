"""How few-shot prompts and comparisons of prompts mislead, and what helps."""
