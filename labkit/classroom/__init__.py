"""A class on one machine: JupyterHub for the people, one model server for all of them.

`supervisor` starts both and restarts what ends; `hub` is what JupyterHub is set to, `name_owner`
who may log in; `learner_server` runs in each learner's name. Nothing here schedules, proxies or
spawns: JupyterHub, its proxy and llama.cpp's server do.
"""
