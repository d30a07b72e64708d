"""The public names of ``labkit.prompts``."""

from .ablation.ablation import ablate as ablate
from .caching.prefix_cache import measure_prefix_cache as measure_prefix_cache
from .injection.injection import try_injections as try_injections
from .reasons.build_up import build_up as build_up
from .reasons.templates import compare_templates as compare_templates
from .scoring.difference import compare_scores as compare_scores
from .scoring.panel import score_panel as score_panel
from .scoring.score import score as score
from .tasks.prompt import full_prompt as full_prompt
from .tasks.task import list_tasks as list_tasks
from .tasks.task import load_task as load_task
from .traps.calibrations import compare_calibrations as compare_calibrations
from .traps.examples import vary_examples as vary_examples
from .traps.power import plan_items as plan_items
from .traps.winners_curse import pick_wording as pick_wording
