"""Where work is played: threads or processes here, or the workers of a Dask cluster.

``connect`` hands out one function, ``each(function, work, here)``, which yields (index, result) as
results arrive, wherever they are computed.  Results come back to the caller, who keeps them: workers
need no disk in common with it, and an answer that arrives twice is the same bytes.

Dask is used through ``distributed`` and not through joblib's backend of that name, which plays
everything in the client while the cluster has one core and never uses workers that join later.
"""

import functools
import logging
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from paper_repro import provenance
from paper_repro.version import SOURCE
from sim.version import CODE

BACKENDS = ("local", "dask")
PACKAGES = ("numpy", "scipy", "numba", "llvmlite", "cvxpy", "clarabel", "scikit-learn", "pandas", "pyarrow", "pydantic")
INSTALL = 'pip install "budgeted-stackelberg[cluster]"'
GONE = "the cluster is gone; what was finished is kept, and the same command goes on from there"
CONNECT = 5.0  # seconds until a scheduler that does not answer counts as absent
WORKERS = 60.0  # seconds to wait for the first worker
LOOK = 0.02  # seconds between two looks at what has arrived
RETRIES = 3  # of a message that got lost between this process and a living scheduler
DESERTED = 10.0  # seconds without any worker before it is said

Work = Sequence[tuple[Any, ...]]
Each = Callable[[Callable[..., Any], Work, Literal["threads", "processes"]], Iterator[tuple[int, Any]]]


class ClusterError(OSError):
    """A cluster that cannot be used, with the way out."""


@dataclass(frozen=True)
class Where:
    """``jobs`` threads or processes here; or, with its address or file, the workers of a Dask scheduler."""

    jobs: int = 1
    scheduler: str | None = None

    @property
    def text(self) -> str:
        return f"{self.jobs} threads" if self.scheduler is None else "one core of the cluster"


def where(backend: str, scheduler: str | None, jobs: int) -> Where:
    """The place that the options name; ValueError if they contradict each other."""
    if backend not in BACKENDS:
        raise ValueError(f"unknown backend {backend!r}; valid: {', '.join(BACKENDS)}")
    if backend == "local" and scheduler is not None:
        raise ValueError(f"--scheduler {scheduler} with the local backend; add --backend dask")
    if backend == "dask" and scheduler is None:
        raise ValueError("--backend dask needs --scheduler ADDRESS (or the scheduler's file); see docs/scale_out.md")
    return Where(jobs, scheduler)


@functools.cache
def identity() -> dict[str, str]:
    """What must agree for two machines to compute the same bytes; name -> version or source digest."""
    versions = {name: provenance.version(name) for name in PACKAGES}
    return {"sim": CODE, "studies": SOURCE, "python": platform.python_version()} | versions


def differences(theirs: dict[str, str]) -> str:
    """What another machine has and this one has not, "" if nothing."""
    mine = identity()
    return ", ".join(f"{k} {theirs.get(k)} there, {v} here" for k, v in mine.items() if theirs.get(k) != v)


@contextmanager
def connect(place: Where) -> Iterator[Each]:
    """The function that plays work at a place; ClusterError if a cluster cannot be used."""
    if place.scheduler is None:
        yield functools.partial(_each_here, place.jobs)
        return
    client = _client(place.scheduler)
    try:
        _examine(client, place.scheduler)
        yield functools.partial(_each_there, client)
    finally:
        with suppress(TimeoutError):  # a slow farewell must not hide how the work ended
            client.close(timeout=CONNECT)


def _numbered(index: int, function: Callable[..., Any], args: tuple[Any, ...]) -> tuple[int, Any]:
    return index, function(*args)


def _each_here(jobs: int, function: Callable[..., Any], work: Work, here: str) -> Iterator[tuple[int, Any]]:
    return Parallel(n_jobs=min(jobs, len(work) or 1), prefer=here, return_as="generator_unordered")(
        delayed(_numbered)(i, function, args) for i, args in enumerate(work)
    )


def _client(scheduler: str) -> Any:
    """A client of the scheduler at an address or in a file."""
    try:
        import dask
        from distributed import Client
        from distributed.comm import get_address_host_port
    except ImportError as error:
        raise ClusterError(f"--backend dask needs the package distributed; {INSTALL}") from error
    for name in ("distributed", "distributed.client", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # tracebacks; what matters of them is said here
    dask.config.set({"distributed.comm.retry.count": RETRIES})
    try:
        if Path(scheduler).is_file():
            return Client(scheduler_file=scheduler, timeout=CONNECT, set_as_default=False)
        get_address_host_port(scheduler)  # a client that is given no port hangs when it is let go
        return Client(scheduler, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at {scheduler} ({error}); start one with 'dask scheduler', workers with "
            "'dask worker ADDRESS', and give the address that it prints"
        ) from error


def _examine(client: Any, scheduler: str) -> None:
    """Refuse a cluster without workers, or with one that would compute something else."""
    try:
        client.wait_for_workers(1, timeout=WORKERS)
    except TimeoutError as error:
        raise ClusterError(
            f"the scheduler at {scheduler} has no workers after {WORKERS:.0f} s; start some with 'dask worker "
            f"{scheduler} --nthreads 1'"
        ) from error
    for worker, answer in client.run(identity, on_error="return").items():
        if isinstance(answer, BaseException):
            raise ClusterError(f"worker {worker} cannot run this package ({answer!r}); {_ADVICE}")
        if different := differences(answer):
            raise ClusterError(f"worker {worker} would compute something else ({different}); {_ADVICE}")
    there = set(client.run(provenance.processor).values()) - {provenance.processor()}
    if there:
        print(f"note: workers have another processor ({', '.join(sorted(there))}): last digits may differ", flush=True)


_ADVICE = "install the same version of the code and of its dependencies (constraints.txt) on every worker, restart them"


@functools.cache
def _one_thread() -> None:
    threadpool_limits(1)  # for good: a worker is there for nothing else


def remote(expected: dict[str, str], function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """What a worker runs; it looks at its own identity, because workers may join after ``connect``."""
    if identity() != expected:
        theirs = ", ".join(f"{k} {v}" for k, v in identity().items() if expected.get(k) != v)
        raise ClusterError(f"a worker on {platform.node()} would compute something else ({theirs}); {_ADVICE}")
    _one_thread()
    return function(*args)


def _each_there(client: Any, function: Callable[..., Any], work: Work, here: str) -> Iterator[tuple[int, Any]]:
    """Submit everything at once: who joins later finds work, and lost tasks are played by others."""
    from distributed import as_completed

    futures = [
        client.submit(remote, identity(), function, args, pure=False, priority=-i) for i, args in enumerate(work)
    ]
    numbers = {future.key: i for i, future in enumerate(futures)}
    arriving = as_completed(futures, loop=client.loop, with_results=True, raise_errors=False)
    del futures  # a result is let go on the cluster once it is here
    for _ in work:
        _await(client, arriving)
        future, result = next(arriving)
        if future.status == "error":
            raise _explained(result[1])
        if future.status != "finished":
            raise ClusterError(GONE)
        yield numbers[future.key], result


def _await(client: Any, arriving: Any) -> None:
    """Return when something has arrived; say so if nobody is left to compute it."""
    last, told = time.monotonic(), False
    while not arriving.has_ready():
        time.sleep(LOOK)
        if client.status not in ("running", "connecting"):
            raise ClusterError(GONE)  # a result that was under way is then never announced
        if client.scheduler_info()["workers"]:
            last, told = time.monotonic(), False
        elif not told and time.monotonic() - last > DESERTED:
            told = True
            print("the cluster has no workers left; waiting for new ones (Ctrl-C keeps what is finished)", flush=True)


def _explained(error: BaseException) -> BaseException:
    from distributed import KilledWorker

    if not isinstance(error, KilledWorker):
        return error
    return ClusterError(
        "one piece of work was on several workers that died, perhaps for want of memory; what was finished is kept; "
        "give workers more memory and start the same command again"
    )
