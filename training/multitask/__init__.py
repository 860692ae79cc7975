"""What a network learns that answers several questions about one slice, and how well it does."""
