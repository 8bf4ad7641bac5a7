"""The command line."""

from tfcli.cli import benching, catalog, looking, training  # noqa: F401  # each adds its commands to the app
from tfcli.cli.app import app

__all__ = ["app"]
