"""A class on one machine: JupyterHub for the people, one model and its tokenizers for all.

`supervisor` starts all and restarts what ends; `hub` is what JupyterHub is set to, `name_owner` who
may log in; `learner_server` runs in each learner's name; `model_server` and `tokenizer_server` are
shared. Nothing here schedules, proxies or spawns: JupyterHub, its proxy and llama.cpp's server do.
"""
