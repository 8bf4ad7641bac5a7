"""Sweeps: many runs of one configuration, without torch."""
