"""The lab's first steps: this machine, a first prompt. Notebook 00."""
