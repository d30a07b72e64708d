"""The table of figures: trace, tree, beam search, walk."""

from .beam_search import BeamSearch
from .beam_search_figures import beams_table
from .trace import Trace
from .trace_figures import trace_figure
from .tree import TokenTree
from .tree_figures import tree_figure
from .walk import Branches
from .walk_figures import branches_table

FIGURES = {
    BeamSearch: beams_table,
    Branches: branches_table,
    Trace: trace_figure,
    TokenTree: tree_figure,
}
