"""Where the wall time of a run goes."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


@contextmanager
def counted(seconds: dict[str, float], part: str) -> Iterator[None]:
    """Add the seconds inside to ``seconds[part]``, an exception's included."""
    began = perf_counter()
    try:
        yield
    finally:
        seconds[part] += perf_counter() - began
