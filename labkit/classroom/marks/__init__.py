"""Assignments and marks by nbgrader: `assignment` makes them of lessons, `grading` runs it.

nbgrader runs each notebook in a kernel that `kernel` puts into the lab's sandbox.
"""
