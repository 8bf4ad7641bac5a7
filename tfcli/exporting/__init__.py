"""Runs as files that other libraries read."""
