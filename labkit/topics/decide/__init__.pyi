"""The public names of ``labkit.decide``."""

from .decision.panel import decision_panel as decision_panel
from .decision.recommend import recommend as recommend
from .decision.recommend import work as work
from .routing.evaluate import evaluate as evaluate
from .routing.grade import grade as grade
from .routing.learn import learn_route as learn_route
from .routing.learn import router as router
