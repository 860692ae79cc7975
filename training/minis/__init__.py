"""What each of the weights that ship was made of: scans to gather, and how they are called."""
