"""`python -m tfcli`."""

from tfcli.cli import app

app(prog_name="tfcli")
