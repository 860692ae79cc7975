"""Self-discovery: the same place of similar patients, cut out as a class of its own."""
