"""How many items of a task a prompt gets right, and which of two prompts is better."""
