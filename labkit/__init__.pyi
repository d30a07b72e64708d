"""The public names of labkit: what editors complete, and what ``lazy_names.py`` loads."""

from .backends.cloud.cloud import cloud as cloud
from .backends.cloud.cloud import clouds as clouds
from .backends.emulated.stand_in import stand_in as stand_in
from .backends.generate import generate as generate
from .backends.generate import stream as stream
from .backends.guard.policy import Policy as Policy
from .backends.guard.redaction import redact as redact
from .backends.guard.scanner import scan as scan
from .backends.llamacpp.model import load_llamacpp as load_llamacpp
from .backends.local.model import load as load
from .backends.recorded import record as record
from .backends.recorded import recordings as recordings
from .backends.recorded import replay as replay
from .backends.remote.budget import Budget as Budget
from .backends.remote.connect import connect as connect
from .backends.remote.discovery import servers as servers
from .display import explore as explore
from .display import plot as plot
from .errors import LabError as LabError
from .files import open_result as open_result
from .files import save as save
from .lab_book.book import book as book
from .lab_book.card import summarize as summarize
from .lab_book.guess_panel import guess as guess
from .topics import comparison as comparison
from .topics import control as control
from .topics import cost as cost
from .topics import decide as decide
from .topics import limits as limits
from .topics import privacy as privacy
from .topics import prompts as prompts
from .topics import sampling as sampling
from .topics import speed as speed
from .topics import start as start
from .topics import tokens as tokens
from .topics.comparison.side_by_side.compare import compare as compare
from .topics.privacy.network.network_watch import watch_network as watch_network
from .topics.privacy.network.offline import offline as offline
from .topics.privacy.payload.payload import payload as payload
from .topics.sampling.next_token.prediction import predict as predict
from .topics.sampling.paths.trace import trace as trace
from .topics.sampling.sweep.sweep import sweep as sweep
from .topics.speed.measure.measurement import measure as measure
from .topics.tokens.tokenization import tokenize as tokenize

__version__: str
