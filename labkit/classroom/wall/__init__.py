"""The wall: what a class has guessed, measured, voted and solved, in large type for a projector."""
