"""A place in one picture, found in many others by features and their surroundings."""
