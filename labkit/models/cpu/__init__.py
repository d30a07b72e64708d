"""How a float32 model runs fastest on a CPU."""
