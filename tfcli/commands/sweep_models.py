"""The models of a sweep are built by its workers before anything is trained. Free of torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tfcli.config.schema import RunConfig
from tfcli.errors import TfcliError
from tfcli.sweeps.orders import Check, Checked, Done, Lost, Workers

TICK = 0.2  # seconds between two looks at whether somebody wants to stop
CHECKED = 20  # models that a worker builds in one go


def build(
    configs: Sequence[RunConfig],
    workers: Workers,
    tick: Callable[[], None] = lambda: None,
    *,
    timed: bool = False,
) -> list[Checked]:
    """Let workers build the models of some configurations, and perhaps time them.

    Raises:
        TfcliError: the workers die of it.
        StoppedError: `tick` says so.
    """
    size = max(1, min(CHECKED, -(-len(configs) // workers.number)))
    requests = [Check(tuple(configs[i : i + size]), timed) for i in range(0, len(configs), size)]
    waiting, answers = list(requests), dict[int, list[Checked]]()
    while len(answers) < len(requests):
        tick()
        while waiting and workers.free > 0:
            workers.give(waiting.pop(0))
        for word in workers.wait(TICK):
            if isinstance(word, Done):
                answers[id(word.request)] = word.result
            elif isinstance(word, Lost) and word.for_good:
                raise TfcliError(f"workers die when they build the models: the last {word.how}")
    return [found for request in requests for found in answers[id(request)]]
