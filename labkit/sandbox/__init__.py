"""Runs Python code that a model wrote, apart from everything else on this machine.

`sandbox` starts it and keeps its time; `inside` is what runs on the other side of the wall;
`kernel` and `syscall_filter` ask Linux for the wall.
"""
