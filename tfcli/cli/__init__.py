"""The command line: a module a command. In this order `--help` lists them."""

# isort: off
from tfcli.cli import train, eval, predict, attn, trace, patch, inspect, bench  # noqa: F401
from tfcli.cli import ls, show, validate, docs  # noqa: F401
from tfcli.cli.app import app
# isort: on

__all__ = ["app"]
