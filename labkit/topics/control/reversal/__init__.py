"""The reversal curse: facts trained in one direction and asked in both."""
