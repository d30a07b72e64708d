"""Why it is that fast: the roofline, the KV cache, and a model of the latency."""
