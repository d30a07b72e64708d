"""The controls of a week on a page without a kernel."""
