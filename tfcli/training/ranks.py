"""One training on several processes: each learns from its share of every batch, and all take the same step.

This is data parallelism. The gradients of a model are one vector already, so that one call adds them up: to
those of the mean over all answered tokens, exactly, however many of these a share has. The wrapper
`DistributedDataParallel` would copy them into buckets of its own, and take the mean over processes instead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor

from tfcli.config.train_section import TrainConfig
from tfcli.errors import TfcliError, UsageError

if TYPE_CHECKING:
    from tasks.base import Batch

TIMEOUT = timedelta(minutes=30)  # for a process that is there and doesn't answer: rank 0 may be evaluating
SEEDS = 2**63
APART = 2**40  # seeds of two steps: more than there are processes


class LostProcessError(TfcliError):
    """A process of a training has ended, and the others can't go on without it."""


class DismissedError(Exception):
    """Rank 0 takes no more steps."""


class Ranks:
    """The processes of a training, which are numbered by their ranks; rank 0 alone writes and prints.

    Args:
        local: the number of this process on its machine, which is that of its GPU.
        explain: says why a process may be lost.
        sharing: how many processes share the threads of a configuration.
    """

    def __init__(
        self,
        rank: int,
        size: int,
        local: int,
        explain: Callable[[], str] = lambda: "another process of this training has ended",
        sharing: int = 1,
    ) -> None:
        self.rank, self.size, self.local = rank, size, local
        self.explain, self.sharing = explain, sharing
        self.going = torch.ones(1, dtype=torch.uint8)  # on the CPU, so that nobody waits for a GPU
        self.question: Any = None  # that was asked, and not answered yet
        self.is_idle = False  # whether all wait for the next step
        self.sums: Tensor | None = None

    def prepare(self, device: torch.device, config: TrainConfig) -> torch.device:
        """Share the threads out, and return the device of this process: of GPUs each has its own.

        Raises:
            UsageError: the batch can't be shared out evenly, or there are too few GPUs.
        """
        config.check_shares(self.size)
        torch.set_num_threads(max(1, torch.get_num_threads() // self.sharing))
        if device.type == "cpu":
            return device
        if str(device) != "cuda":
            raise UsageError(f"train.device = {device} is one device; several processes take cpu or cuda")
        if self.local >= (count := torch.cuda.device_count()):
            raise UsageError(
                f"each process takes a GPU of its own, and there are {count}; or train.device=cpu"
            )
        torch.cuda.set_device(self.local)
        return torch.device("cuda", self.local)

    def meet(self, values: Tensor, config: str) -> None:
        """Wait until all processes have come so far, and see to it that all begin alike.

        Raises:
            UsageError: their weights or configurations differ.
            LostProcessError: one of them has ended.
        """
        seen = hashlib.sha256(config.encode() + values.detach().cpu().numpy().tobytes()).digest()
        own = torch.frombuffer(bytearray(seen), dtype=torch.uint8)
        found = [torch.empty_like(own) for _ in range(self.size)]
        with self.nobody_lost():
            dist.all_gather(found, own)
        if not all(torch.equal(own, other) for other in found):
            raise UsageError(
                "the processes don't begin alike; each needs the same command, files and versions of torch"
            )
        self.is_idle = True

    def begin(self, seed: int, step: int) -> None:
        """Begin a step: ask, without waiting, whether rank 0 takes it; seed what this process draws in it.

        Dropout is drawn for a share, and another for each.
        """
        self.going.fill_(1)
        self.is_idle = False
        with self.nobody_lost():
            self.question = dist.broadcast(self.going, 0, async_op=True)
        torch.manual_seed((seed + step * APART + self.rank) % SEEDS)

    def share(self, batch: Batch) -> Batch:
        """Return what this process learns from: some rows of a batch; maybe none of a small one."""
        mask = batch.may_attend
        return batch._replace(
            inputs=batch.inputs.tensor_split(self.size)[self.rank],
            targets=batch.targets.tensor_split(self.size)[self.rank],
            may_attend=None if mask is None else mask.tensor_split(self.size)[self.rank],
        )

    def add_up(self, gradients: Tensor, loss: Tensor) -> Tensor:
        """Put the sum over all processes in place of the gradients [n], and return that of the loss [].

        Raises:
            DismissedError: rank 0 doesn't take the step.
            LostProcessError: a process has ended.
        """
        if self.sums is None or self.sums.shape[0] != len(gradients) + 1:
            self.sums = gradients.new_empty(len(gradients) + 1)
        with self.nobody_lost():
            self.question.wait()
        if not self.going:
            raise DismissedError
        self.sums[:-1] = gradients
        self.sums[-1] = loss
        with self.nobody_lost():
            dist.all_reduce(self.sums)
        self.is_idle = True
        gradients.copy_(self.sums[:-1])
        return self.sums[-1].clone()

    def dismiss(self) -> None:
        """Tell the others, as rank 0, that no more steps are taken.

        In the middle of a step they wait for something else, and see that this process ends.
        """
        if self.is_idle:
            with suppress(RuntimeError):
                dist.broadcast(self.going.fill_(0), 0)

    def wait_for_dismissal(self) -> None:
        """Wait, as another rank, for rank 0 to come to its end.

        Raises:
            LostProcessError: it came to another one.
        """
        with self.nobody_lost():
            dist.broadcast(self.going, 0)

    @contextmanager
    def nobody_lost(self) -> Iterator[None]:
        """Say that a process has ended where the others can't be reached.

        Raises:
            LostProcessError: one has.
        """
        try:
            yield
        except RuntimeError as error:
            raise LostProcessError(self.explain()) from error


def join(store: Any, rank: int, size: int) -> None:
    """Join the processes of a training, at a store or where the environment says.

    Raises:
        LostProcessError: they didn't come.
    """
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "gloo"
    place: dict[str, Any] = {} if store is None else {"store": store, "rank": rank, "world_size": size}
    try:
        dist.init_process_group(backend, timeout=TIMEOUT, **place)
    except (RuntimeError, ValueError) as error:
        where = "; they meet where MASTER_ADDR and MASTER_PORT say" if store is None else ""
        raise LostProcessError(
            f"the processes of this training can't reach each other: {error}{where}"
        ) from error


def leave() -> None:
    """Leave the processes of a training."""
    with suppress(RuntimeError):
        dist.destroy_process_group()
