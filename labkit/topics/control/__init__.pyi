"""The public names of ``labkit.control``."""

from labkit.backends.constraints.constraint import choices as choices
from labkit.backends.constraints.constraint import grammar as grammar
from labkit.backends.constraints.constraint import json_schema as json_schema
from labkit.backends.constraints.constraint import regex as regex

from .constraints.bias import bias_words as bias_words
from .constraints.bias import biased as biased
from .constraints.constrain import constrain as constrain
from .constraints.constrain import constrained as constrained
from .constraints.validity import compare_validity as compare_validity
from .finetune.examples import list_examples as list_examples
from .finetune.examples import load_examples as load_examples
from .finetune.keep import check_kept as check_kept
from .finetune.keep import keep_model as keep_model
from .finetune.panel import tune_panel as tune_panel
from .finetune.secret import extract_secret as extract_secret
from .finetune.strength import vary_strength as vary_strength
from .finetune.training import fine_tune as fine_tune
from .methods.base_and_chat import compare_base as compare_base
from .methods.compare import compare_classifiers as compare_classifiers
from .methods.compare import compare_methods as compare_methods
from .reversal.directions import compare_directions as compare_directions
