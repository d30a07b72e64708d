"""Widgets that bring a module of their own to the page, and live there."""
