"""The shipped models: weights, configuration, card and the recipe that reproduces them."""
