"""The public names of ``labkit.assistant``."""

from .completion.complete import complete as complete
from .completion.prompts import completion_prompt as completion_prompt
from .editor.panel import editor_panel as editor_panel
from .load import load_coder as load_coder
from .measure.compare import compare_models as compare_models
from .measure.measure import measure_completions as measure_completions
from .measure.threshold import vary_threshold as vary_threshold
from .serving.editors import editor_settings as editor_settings
