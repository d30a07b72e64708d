"""From scores to a choice: temperature, filters, chance. Notebook 02."""
