"""Why a prompt works: the probability of the right answer as each part is added."""
