"""Pre-training told in JSON: the published configs, and what their keys become in a recipe."""
