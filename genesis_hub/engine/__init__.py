"""The one training loop: it knows an Objective, and no objective by name."""
