"""The commands of ``python3 -m labkit``: one module each, with ``main(args) -> exit status``.

`arguments` has what each takes.
"""
