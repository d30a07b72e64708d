"""Generated questions with right answers, in the cells of a map: how many a model gets right."""
