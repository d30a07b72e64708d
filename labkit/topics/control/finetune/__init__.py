"""LoRA on a small model: what it learns, what it forgets, and the result to take away."""
