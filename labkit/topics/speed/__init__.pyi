"""The public names of ``labkit.speed``."""

from .experiments.engines import vary_engine as vary_engine
from .experiments.prompt_length import vary_prompt_length as vary_prompt_length
from .experiments.quantization import vary_quantization as vary_quantization
from .experiments.vary import vary_batch_size as vary_batch_size
from .experiments.vary import vary_cache as vary_cache
from .experiments.vary import vary_dtype as vary_dtype
from .experiments.vary import vary_model_size as vary_model_size
from .experiments.vary import vary_output_length as vary_output_length
from .experiments.vary import vary_speculation as vary_speculation
from .experiments.vary import vary_threads as vary_threads
from .explain.kv_cache import measure_cache as measure_cache
from .explain.latency import fit_latency as fit_latency
from .explain.latency import predict_latency as predict_latency
from .explain.latency_check import token_budget as token_budget
from .explain.latency_check import validate_latency as validate_latency
from .explain.roofline import roofline as roofline
from .measure.comparison import compare_measurements as compare_measurements
from .measure.load_time import measure_load as measure_load
from .measure.playback_panel import pace_panel as pace_panel
