"""The shapes of tiny models of many architectures: fields beside those of ``make_tiny``."""

_HEADS = {"head_dim": 8}
_MAMBA2 = {
    "mamba_n_heads": 8,
    "mamba_d_head": 8,
    "mamba_n_groups": 1,
    "mamba_d_state": 8,
    "mamba_chunk_size": 8,
}
_DELTA = {
    "layer_types": ["linear_attention", "full_attention"],
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    **_HEADS,
}
_EXPERTS = {"num_experts_per_tok": 2, "moe_intermediate_size": 16}

# Every layer has attention.
ATTENTION = {
    "gpt2": {},
    "gpt_neo": {
        "num_layers": 2,
        "num_heads": 4,
        "attention_types": [[["global", "local"], 1]],
        "window_size": 8,
    },
    "gptj": {"rotary_dim": 4},
    "codegen": {"rotary_dim": 4},
    "bloom": {},
    "mpt": {"max_seq_len": 128},
    "gpt_bigcode": {},
    "falcon": {},
    "gpt_neox": {},
    "opt": {"word_embed_proj_dim": 32, "ffn_dim": 64},
    "deepseek_v3": {
        "n_routed_experts": 4,
        "n_group": 1,
        "topk_group": 1,
        "first_k_dense_replace": 1,
        "num_key_value_heads": 4,
        "q_lora_rank": 16,
        "kv_lora_rank": 16,
        "qk_nope_head_dim": 8,
        "qk_rope_head_dim": 8,
        "v_head_dim": 8,
        **_EXPERTS,
        **_HEADS,
    },
    "gemma4_text": {
        "num_hidden_layers": 6,
        "global_head_dim": 16,
        "hidden_size_per_layer_input": 0,
        **_HEADS,
    },
}
# Some layers have attention; the others, or all beside it, keep a state of constant size.
HYBRID = {
    "lfm2": {"layer_types": ["conv", "full_attention"], "block_auto_adjust_ff_dim": False},
    "qwen3_next": {
        "num_experts": 4,
        "shared_expert_intermediate_size": 16,
        "linear_conv_kernel_dim": 4,
        **_DELTA,
        **_EXPERTS,
    },
    "qwen3_5_text": _DELTA,
    "falcon_h1": {**_MAMBA2, "mamba_d_ssm": 32, "mamba_n_heads": 4},
    "jamba": {
        "attn_layer_offset": 1,
        "attn_layer_period": 2,
        "expert_layer_offset": 1,
        "expert_layer_period": 2,
        "num_experts": 2,
        "num_experts_per_tok": 1,
        "mamba_d_state": 8,
        "mamba_dt_rank": 4,
        "use_mamba_kernels": False,
    },
    "granitemoehybrid": {
        **_MAMBA2,
        "layer_types": ["mamba", "attention"],
        "num_local_experts": 2,
        "num_experts_per_tok": 1,
        "shared_intermediate_size": 16,
    },
}
# No layer has attention.
STATE_SPACE = {
    "mamba": {},
    "mamba2": {"num_heads": 8, "head_dim": 8, "state_size": 8, "n_groups": 2, "chunk_size": 8},
    "falcon_mamba": {},
}
