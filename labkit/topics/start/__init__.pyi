"""The public names of ``labkit.start``."""

from .machine_report import describe_machine as describe_machine
from .panel import prompt_panel as prompt_panel
