"""Learners of a class: their names, their accounts on this system, and the files of their homes."""
