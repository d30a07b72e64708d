"""Which figure each way through a text has."""

from .beam_search import BeamSearch
from .beam_search_figures import beams_table
from .trace import Trace
from .trace_figures import trace_picture
from .tree import Tree
from .tree_figures import tree_figure
from .walk import Branches
from .walk_figures import branches_table

FIGURES = {
    BeamSearch: beams_table,
    Branches: branches_table,
    Trace: trace_picture,
    Tree: tree_figure,
}
