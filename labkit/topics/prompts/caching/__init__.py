"""What the same long beginning of prompts costs the second time."""
