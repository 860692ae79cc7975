"""Self-distillation's parts: prototypes, the loss between student and teacher, wholes and parts."""
