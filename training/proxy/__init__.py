"""What the proxy tasks share: encoders on patches, heads, and classes told apart."""
