"""Suggestions for lines that were cut out of right programs, judged by the tests."""
