"""Runs told in JSON, with the keys that the proxy tasks were published with."""
