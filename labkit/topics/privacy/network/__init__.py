"""Every connection that is tried, and a network that is switched off."""
