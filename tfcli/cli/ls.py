"""`ls`: the tasks, examples and runs there are."""

from tfcli.cli.app import app
from tfcli.cli.options import JsonOption
from tfcli.cli.output import print_result


@app.command("ls")
def list_all(as_json: JsonOption = False) -> None:
    """List the tasks, examples and runs.

    Example: tfcli ls
    """
    from tfcli.commands.catalog import list_catalog
    from tfcli.render.reports import print_catalog

    found = list_catalog()
    print_result(found, print_catalog, as_json=as_json)
