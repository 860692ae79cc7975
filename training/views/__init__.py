"""What a method does to a batch: pure functions of tensors and drawn numbers, on any device."""
