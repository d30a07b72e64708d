"""Whether a model's confidence is worth anything: three confidences against what was right."""
