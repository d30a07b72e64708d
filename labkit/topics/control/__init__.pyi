"""The public names of ``labkit.control``."""

from labkit.backends.constraints.constraint import choices as choices
from labkit.backends.constraints.constraint import grammar as grammar
from labkit.backends.constraints.constraint import json_schema as json_schema
from labkit.backends.constraints.constraint import regex as regex

from .constraints.constrain import constrain as constrain
from .constraints.constrain import constrained as constrained
from .constraints.validity import compare_validity as compare_validity
