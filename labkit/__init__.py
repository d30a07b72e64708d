"""labkit: find out on your own machine what running AI models locally really means.

The verbs, each loaded when it is first used, so that importing labkit costs next to nothing:

    model = labkit.load("smollm2-135m")
    reply = labkit.generate(model, "Why is the sky blue?")
    for step in labkit.stream(model, "Why is the sky blue?"): ...
"""

import importlib

__version__ = "0.1.0"

_VERBS = {
    "Budget": ".backends.budget",
    "LabError": ".errors",
    "Policy": ".backends.policy",
    "ask": ".start.panel",
    "ask_batch": ".compare.batch_panel",
    "beam_search": ".sampling.beams",
    "check_latency": ".speed.foretelling",
    "check_machine": ".start.analysis",
    "cloud": ".backends.clouds",
    "clouds": ".backends.clouds",
    "compare": ".compare",
    "compare_languages": ".tokens.languages",
    "compare_links": ".compare.links",
    "compare_live": ".compare.panel",
    "compare_measurements": ".speed.saving",
    "compare_numbers": ".tokens.gallery",
    "compare_texts": ".compare.texts",
    "compare_tokenizers": ".tokens.comparison",
    "connect": ".backends.openai_api",
    "cost_languages": ".tokens.languages",
    "cost_turns": ".tokens.templates",
    "draw": ".sampling.analysis",
    "enter_key": ".backends.keys_panel",
    "explore": ".show",
    "feel_pace": ".speed.panel",
    "fit_latency": ".speed.latency",
    "gallery": ".sampling.sweep_figures",
    "generate": ".backends.base",
    "grow_tree": ".sampling.tree",
    "join_votes": ".compare.vote_files",
    "known_tokenizers": ".models.tokenizer_opening",
    "line_up": ".compare.lineup",
    "load": ".backends.local",
    "load_batch": ".compare.batch_files",
    "load_llamacpp": ".backends.llamacpp",
    "load_measurement": ".speed.saving",
    "load_votes": ".compare.vote_files",
    "map_vocabulary": ".tokens.vocabulary",
    "measure": ".speed.analysis",
    "measure_cache": ".speed.cache",
    "measure_load": ".speed.loading",
    "measure_scanner": ".privacy.analysis",
    "offline": ".privacy.offline",
    "open_gallery": ".tokens.gallery",
    "payload": ".privacy.payload",
    "plot": ".show",
    "plot_arrivals": ".compare.figures",
    "plot_gaps": ".speed.figures",
    "plot_misses": ".privacy.figures",
    "plot_repeats": ".speed.figures",
    "plot_texts": ".speed.engines_figures",
    "plot_votes_needed": ".compare.votes_figures",
    "predict": ".sampling.analysis",
    "predict_latency": ".speed.latency",
    "prove_offline": ".privacy.proof",
    "provider_terms": ".privacy.terms",
    "published_scores": ".compare.scores",
    "read_chat": ".tokens.templates",
    "read_leak": ".privacy.leaks",
    "record": ".backends.recorded",
    "recordings": ".backends.recorded",
    "redact": ".backends.redaction",
    "repeat": ".sampling.repeating",
    "replay": ".backends.recorded",
    "roofline": ".speed.roofline",
    "run_batch": ".compare.batch",
    "run_chain": ".sampling.analysis",
    "run_offline": ".privacy.offline",
    "save": ".speed.saving",
    "save_batch": ".compare.batch_figures",
    "save_votes": ".compare.vote_files",
    "scan": ".backends.scanning",
    "scan_live": ".privacy.panel",
    "servers": ".backends.servers",
    "show_columns": ".compare.column_figures",
    "show_scores": ".compare.scores_figures",
    "stand_in": ".backends.stand_in",
    "stream": ".backends.base",
    "summarize": ".show",
    "sweep": ".sampling.sweep",
    "tokenize": ".tokens.analysis",
    "tokenize_live": ".tokens.panel",
    "tokens_within": ".speed.foretelling",
    "trace": ".sampling.trace",
    "train_bpe": ".tokens.bpe",
    "vary_assistance": ".speed.experiments",
    "vary_batch_size": ".speed.experiments",
    "vary_cache": ".speed.experiments",
    "vary_dtype": ".speed.experiments",
    "vary_engine": ".speed.engines",
    "vary_model_size": ".speed.experiments",
    "vary_output_length": ".speed.experiments",
    "vary_prompt_length": ".speed.prompts",
    "vary_quantization": ".speed.quantization",
    "vary_threads": ".speed.experiments",
    "vote": ".compare.votes_panel",
    "votes_needed": ".compare.preference",
    "wait_in_a_day": ".compare.day",
    "walk": ".sampling.walk_panel",
    "watch_network": ".privacy.watch",
    "with_settings": ".compare.variant",
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
