"""Fine-tuning: what a pretrained model is shown, what it is asked, and the verb."""
