"""Published data sets on their way to arrays and squares that the proxy tasks' JSON reads."""
