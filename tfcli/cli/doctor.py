"""`doctor`: why tfcli doesn't work here, or is slow."""

from typing import Annotated

import typer

from tfcli.cli.app import app
from tfcli.cli.options import AS_JSON
from tfcli.cli.output import print_result


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help=AS_JSON)] = False,  # it looks at stdout as it is
) -> None:
    """Look for what keeps tfcli from working here, or makes it slow.

    Versions, devices, cores, memory, terminal, folders, extras and plugins; nothing is changed, and no code
    of a plugin runs. Each problem comes with what to do. The exit code is 1 if one of them stops work: a
    package that tfcli needs, torch above all, isn't installed or can't be imported, or no run can be written
    into runs/, or into the current folder. Others, such as a version that tfcli isn't made for, a busy
    machine or an encoding other than UTF-8, leave it 0.

    Example: tfcli doctor
    """
    from tfcli.commands.doctor import examine
    from tfcli.render.doctor import print_doctor
    from tfcli.render.terminal import describe_terminal

    report = examine(describe_terminal())
    print_result(report, print_doctor, as_json=as_json)
    if any(problem.stops_work for problem in report.problems):
        raise typer.Exit(1)
