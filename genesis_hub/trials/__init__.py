"""Trials: one network fine-tuned on few labels and on many, with weights and without."""
