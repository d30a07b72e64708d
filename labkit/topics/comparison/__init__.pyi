"""The public names of ``labkit.comparison``."""

from .batch.batch import run_batch as run_batch
from .batch.panel import batch_panel as batch_panel
from .benchmark_scores import published_scores as published_scores
from .day_simulation import simulate_day as simulate_day
from .provider_key_panel import api_key_panel as api_key_panel
from .side_by_side.lineup import line_up as line_up
from .side_by_side.link_comparison import compare_links as compare_links
from .side_by_side.panel import compare_panel as compare_panel
from .side_by_side.settings_variant import with_settings as with_settings
from .texts.text_differences import compare_texts as compare_texts
from .votes.files import join_votes as join_votes
from .votes.panel import vote_panel as vote_panel
from .votes.power import votes_needed as votes_needed
