"""When hardware has paid for itself: the draws, the break-even, its figures and its numbers."""
