"""Pre-training: new weights from unlabelled scans. Run from a checkout; no part of the wheel."""
