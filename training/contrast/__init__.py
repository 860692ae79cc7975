"""Contrastive learning's parts: losses, the queue of keys, batch norm's groups, other processes."""
