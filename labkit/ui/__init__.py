"""The one look of the lab: theme, panel frame, safe HTML. Used by figures and panels alone."""
