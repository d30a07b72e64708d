"""Which figures a day of waiting and published scores have."""

from .scores import PublishedScores
from .scores_figures import scores_figure, scores_table
from .waiting import DayOfWaiting
from .waiting_figures import day_figure

FIGURES = {
    DayOfWaiting: day_figure,
    PublishedScores: {"scores": scores_figure, "table": scores_table},
}
