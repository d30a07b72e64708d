"""What a panel leaves on a page without a kernel."""
