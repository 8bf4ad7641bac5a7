"""`docs`: the documentation that comes with the program."""

from typing import Annotated

import typer

from tfcli.cli.app import app


def complete_topics() -> list[str]:
    """Return the topics, for shell completion."""
    from tfcli.docs import TOPICS

    return list(TOPICS)


@app.command()
def docs(
    topic: Annotated[
        str | None,
        typer.Argument(
            metavar="TOPIC", help="One of those that are listed without it.", autocompletion=complete_topics
        ),
    ] = None,
) -> None:
    """Show the documentation of a topic, or list the topics.

    Example: tfcli docs positions
    """
    from tfcli.docs import TOPICS, read
    from tfcli.render.documents import print_document
    from tfcli.render.tables import print_pairs
    from tfcli.render.terminal import make_console

    if topic is None:
        print_pairs(make_console(), "topics of tfcli docs TOPIC", TOPICS, blank=False)
    else:
        print_document(make_console(), read(topic))
