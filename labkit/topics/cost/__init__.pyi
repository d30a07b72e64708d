"""The public names of ``labkit.cost``."""

from .amortization.break_even import break_even as break_even
from .cloud_bill import week as week
from .facts import hardware as hardware
from .facts import published_hardware as published_hardware
from .facts import tariff as tariff
from .options import compare_options as compare_options
from .own_machine import power_meter as power_meter
from .own_machine import this_machine as this_machine
from .panel import week_panel as week_panel
from .past_prices import price_history as price_history
from .team import share_hardware as share_hardware
