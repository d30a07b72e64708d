"""Models of providers: their facts, prices, keys and budgets."""
