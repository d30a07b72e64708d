"""The public names of ``labkit.sampling``."""

from .determinism.repeat import repeat as repeat
from .next_token.sampling_chain import draw as draw
from .next_token.sampling_chain import run_chain as run_chain
from .paths.beam_search import beam_search as beam_search
from .paths.tree import grow_tree as grow_tree
from .paths.walk_panel import walk_panel as walk_panel
