"""The figures of a simulated day and of published scores."""

from .benchmark_scores import PublishedScores
from .benchmark_scores_figures import scores_figure, scores_table
from .day_simulation import DaySimulation
from .day_simulation_figures import day_figure

FIGURES = {
    DaySimulation: day_figure,
    PublishedScores: {"scores": scores_figure, "table": scores_table},
}
