"""A module of workers that cannot be imported."""

raise ImportError("nothing works here")
