"""The public names of ``labkit.decide``."""

from .decision.recommend import recommend as recommend
from .decision.recommend import work as work
