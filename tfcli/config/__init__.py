"""Configurations: what can be set, how files are read, and what is said of what is wrong."""
