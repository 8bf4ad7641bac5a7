"""Records of all that a user sees. `dataclasses.asdict` of each is its `--json` form. Free of torch."""
