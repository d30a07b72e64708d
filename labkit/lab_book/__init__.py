"""The lab book: the numbers that a learner found, kept over days and machines.

`entry` is one number, `store` keeps pages of them, `book` shows the pages; `guess_panel` asks for
a number before it is measured, and `card` ends a notebook.
"""
