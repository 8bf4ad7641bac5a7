"""The command line: a module a command. In this order, the most used first, `--help` lists them.

Annotations of commands are values, not strings: Typer evaluates strings twice a command at every start.
"""

import os

os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # to look for them takes 10 ms of every start

# isort: off
from tfcli.cli import train, eval, attn, predict, trace, inspect, tour, ls, compare, show  # noqa: F401
from tfcli.cli import bench, sweep, patch, generate, validate, mv, rm, import_, export, docs  # noqa: F401
from tfcli.cli import doctor  # noqa: F401
from tfcli.cli.app import app
# isort: on

__all__ = ["app"]
