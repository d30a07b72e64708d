"""The public names of ``labkit.limits``."""

from labkit.sandbox.code_tasks import code_tasks as code_tasks
from labkit.sandbox.sandbox import Limits as Limits
from labkit.sandbox.sandbox import run_code as run_code

from .accuracy.arithmetic import arithmetic as arithmetic
from .accuracy.facts import facts as facts
from .accuracy.letters import letters as letters
from .accuracy.repeat import repeat_mistakes as repeat_mistakes
from .code.pass_at_k import pass_at_k as pass_at_k
from .code.write_code import write_code as write_code
from .confidence.confidences import calibration as calibration
from .confidence.temperature_fit import fit_temperature as fit_temperature
from .long_texts.conversation import conversation_cost as conversation_cost
from .long_texts.hidden_fact import long_text as long_text
from .sizes.compare_models import compare_models as compare_models
from .sizes.compare_models import load_models as load_models
