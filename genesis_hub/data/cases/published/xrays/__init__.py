"""The tasks that X-ray encoders are compared by: one file for each data set as it is published."""
