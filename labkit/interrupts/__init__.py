"""The notebook's stop button and Ctrl-C, where they must not land in the middle of something."""
