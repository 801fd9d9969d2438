"""Where the work is done: processes of this machine, or a cluster that is already up."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from pathlib import Path

from maia_lab.errors import ConfigError, MissingExtra

try:
    import dask
    from distributed import Client, Future, KilledWorker, LocalCluster, as_completed
except ModuleNotFoundError as error:
    raise MissingExtra(
        "more than one process",
        f"needs {error.name}, which is not installed",
        "pip install 'maia-lab[scale]'",
    ) from error

__all__ = ["LOCAL", "Client", "Future", "as_completed", "connect", "failure", "reason"]

LOCAL = "local"
HERE = "127.0.0.1:0"
"""Any free port, for this machine only: what processes tell of themselves without being asked."""
ONE_ARENA = {"distributed.nanny.pre-spawn-environ.MALLOC_ARENA_MAX": 1}
"""A worker runs tasks in a thread, which with glibc reuses large memory in the main arena alone."""
PATIENCE = 10.0
"""Seconds in which a scheduler has to answer."""


@contextmanager
def connect(scheduler: str = LOCAL, workers: int | None = None) -> Iterator[tuple[Client, int]]:
    """Reach a cluster for the length of a block; one of this machine ends with the block.

    Args:
        scheduler: ``local`` for processes of this machine, an address (``tcp://head:8786``), or
            the file that ``dask scheduler --scheduler-file`` writes.
        workers: how many tasks at a time; as many as there are cores or threads if not said.

    Yields:
        The client, and how many tasks at a time.

    Raises:
        ConfigError: no scheduler answers there.
    """
    if scheduler == LOCAL:
        many = workers or os.cpu_count() or 1
        # TLS with a key of its own: whoever reaches a scheduler can run code as its user, and
        # others of this machine could. Memory is the model's affair, not the nanny's.
        with (
            dask.config.set(ONE_ARENA),
            LocalCluster(
                n_workers=many,
                threads_per_worker=1,
                security=True,
                dashboard_address=HERE,
                worker_dashboard_address=HERE,
                memory_limit=None,
                silence_logs=logging.CRITICAL,
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client, many
        return
    where = {"scheduler_file" if Path(scheduler).is_file() else "address": scheduler}
    # What it says when its scheduler dies is said once more, in a sentence, by whoever asked.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        client = Client(**where, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise ConfigError(
            scheduler,
            "is no scheduler that answers",
            "start one (dask scheduler) and give its address, or say --scheduler local",
        ) from error
    with client:
        known = client.scheduler_info(n_workers=-1)["workers"].values()
        if not known:
            told = "%s has no workers yet: what is asked of it waits for them."
            logging.getLogger(__name__).warning(told, scheduler)
        yield client, workers or max(1, sum(worker["nthreads"] for worker in known))


def failure(future: Future) -> str:
    """Why a task that has ended gave no result, in one line; empty where it did."""
    try:
        future.result()
    except (Exception, CancelledError, asyncio.CancelledError) as error:
        return reason(error)
    return ""


def reason(error: BaseException) -> str:
    """What went wrong with a task, in one line."""
    if isinstance(error, KilledWorker):
        return "it ended its process each time it was tried, as for want of memory"
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
