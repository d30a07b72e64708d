"""labkit: find out on your own machine what running AI models locally really means.

The verbs, each loaded when it is first used, so that importing labkit costs next to nothing:

    model = labkit.load("smollm2-135m")
    reply = labkit.generate(model, "Why is the sky blue?")
    for step in labkit.stream(model, "Why is the sky blue?"): ...
"""

import importlib

__version__ = "0.1.0"

_VERBS = {
    "Budget": ".backends.cloud.budget",
    "LabError": ".errors",
    "Policy": ".backends.guard.policy",
    "ask": ".topics.start.panel",
    "ask_batch": ".topics.comparison.batch.panel",
    "beam_search": ".topics.sampling.paths.beam_search",
    "check_latency": ".topics.speed.explain.latency_check",
    "check_machine": ".topics.start.analysis",
    "cloud": ".backends.cloud.cloud",
    "clouds": ".backends.cloud.cloud",
    "compare": ".topics.comparison.side_by_side.side_by_side",
    "compare_languages": ".topics.tokens.languages",
    "compare_links": ".topics.comparison.side_by_side.links",
    "compare_live": ".topics.comparison.side_by_side.panel",
    "compare_measurements": ".topics.speed.measure.files",
    "compare_numbers": ".topics.tokens.example_texts",
    "compare_texts": ".topics.comparison.texts.text_differences",
    "compare_tokenizers": ".topics.tokens.comparison",
    "connect": ".backends.remote.connect",
    "cost_languages": ".topics.tokens.languages",
    "cost_turns": ".topics.tokens.chat_template",
    "draw": ".topics.sampling.next_token.prediction",
    "enter_key": ".topics.comparison.key_panel",
    "explore": ".display",
    "feel_pace": ".topics.speed.measure.panel",
    "fit_latency": ".topics.speed.explain.latency",
    "gallery": ".topics.sampling.sweep.figures",
    "generate": ".backends.generate",
    "grow_tree": ".topics.sampling.paths.tree",
    "join_votes": ".topics.comparison.votes.files",
    "known_tokenizers": ".models.tokenizers.open",
    "line_up": ".topics.comparison.side_by_side.lineup",
    "load": ".backends.local.model",
    "load_batch": ".topics.comparison.batch.files",
    "load_llamacpp": ".backends.llamacpp.model",
    "load_measurement": ".topics.speed.measure.files",
    "load_votes": ".topics.comparison.votes.files",
    "map_vocabulary": ".topics.tokens.vocabulary.vocabulary",
    "measure": ".topics.speed.measure.measurement",
    "measure_cache": ".topics.speed.explain.kv_cache",
    "measure_load": ".topics.speed.measure.load_time",
    "measure_scanner": ".topics.privacy.scanner.scanner_score",
    "offline": ".topics.privacy.network.offline",
    "open_gallery": ".topics.tokens.example_texts",
    "payload": ".topics.privacy.payload.payload",
    "plot": ".display",
    "plot_arrivals": ".topics.comparison.side_by_side.figures",
    "plot_gaps": ".topics.speed.measure.figures",
    "plot_misses": ".topics.privacy.scanner.figures",
    "plot_repeats": ".topics.speed.measure.figures",
    "plot_texts": ".topics.speed.experiments.engines_figures",
    "plot_votes_needed": ".topics.comparison.votes.figures",
    "predict": ".topics.sampling.next_token.prediction",
    "predict_latency": ".topics.speed.explain.latency",
    "prove_offline": ".topics.privacy.network.proof",
    "provider_terms": ".topics.privacy.payload.terms",
    "published_scores": ".topics.comparison.scores",
    "read_chat": ".topics.tokens.chat_template",
    "read_leak": ".topics.privacy.scanner.labelled_texts",
    "record": ".backends.recorded",
    "recordings": ".backends.recorded",
    "redact": ".backends.guard.redaction",
    "repeat": ".topics.sampling.determinism.repeat",
    "replay": ".backends.recorded",
    "roofline": ".topics.speed.explain.roofline",
    "run_batch": ".topics.comparison.batch.batch",
    "run_chain": ".topics.sampling.next_token.prediction",
    "run_offline": ".topics.privacy.network.offline",
    "save": ".topics.speed.measure.files",
    "save_batch": ".topics.comparison.batch.figures",
    "save_votes": ".topics.comparison.votes.files",
    "scan": ".backends.guard.scanner",
    "scan_live": ".topics.privacy.scanner.panel",
    "servers": ".backends.remote.discovery",
    "show_columns": ".topics.comparison.side_by_side.columns_figures",
    "show_scores": ".topics.comparison.scores_figures",
    "stand_in": ".backends.emulated.stand_in",
    "stream": ".backends.generate",
    "summarize": ".display",
    "sweep": ".topics.sampling.sweep.sweep",
    "tokenize": ".topics.tokens.tokenization",
    "tokenize_live": ".topics.tokens.panel",
    "tokens_within": ".topics.speed.explain.latency_check",
    "trace": ".topics.sampling.paths.trace",
    "train_bpe": ".topics.tokens.vocabulary.bpe",
    "vary_assistance": ".topics.speed.experiments.vary",
    "vary_batch_size": ".topics.speed.experiments.vary",
    "vary_cache": ".topics.speed.experiments.vary",
    "vary_dtype": ".topics.speed.experiments.vary",
    "vary_engine": ".topics.speed.experiments.engines",
    "vary_model_size": ".topics.speed.experiments.vary",
    "vary_output_length": ".topics.speed.experiments.vary",
    "vary_prompt_length": ".topics.speed.experiments.prompt_length",
    "vary_quantization": ".topics.speed.experiments.quantization",
    "vary_threads": ".topics.speed.experiments.vary",
    "vote": ".topics.comparison.votes.panel",
    "votes_needed": ".topics.comparison.votes.power",
    "wait_in_a_day": ".topics.comparison.waiting",
    "walk": ".topics.sampling.paths.walk_panel",
    "watch_network": ".topics.privacy.network.watch",
    "with_settings": ".topics.comparison.side_by_side.variant",
}
__all__ = sorted(_VERBS)


def __getattr__(name: str):
    if name not in _VERBS:
        raise AttributeError(f"module 'labkit' has no attribute '{name}'{_guess(name)}")
    verb = getattr(importlib.import_module(_VERBS[name], __name__), name)
    globals()[name] = verb
    return verb


def _guess(name: str) -> str:
    import difflib

    near = difflib.get_close_matches(name, _VERBS, n=1, cutoff=0.7)
    return f". Did you mean '{near[0]}'?" if near else ""


def __dir__() -> list[str]:
    return sorted([*globals(), *_VERBS])
