"""Positional encodings, a module each: how a model that sees a set of tokens learns where each one stands."""
