"""Runs that wait: each takes a permit, a file in the folder $PERMITS, or begins freely once ``open`` is there.

A program that is to be stopped in the middle then waits for whoever stops it, on a machine of any speed.
Loaded by ``dask worker --preload``, or run in place of ``python -m paper_repro``.
"""

import functools
import os
import time
from pathlib import Path

from sim import engine

HANGS = 600.0  # seconds after which a process or a wait is given up


def until(true):
    """Return when it is; what never is was forgotten, not slow."""
    deadline = time.monotonic() + HANGS
    while not true():
        assert time.monotonic() < deadline, "nothing happens"
        time.sleep(0.01)


class Permits:
    """The folder, as the test sees it."""

    def __init__(self, folder):
        self.folder, self.given = folder, 0
        folder.mkdir()
        self.environment = dict(PERMITS=str(folder))

    def give(self, runs):
        """Let so many more runs begin."""
        for _ in range(runs):
            self.given += 1
            (self.folder / f"permit{self.given}").touch()

    def open(self):
        """Let all others begin."""
        (self.folder / "open").touch()


def take(folder):
    """Return once a permit is taken, or none is needed."""
    while not (folder / "open").exists():
        for permit in folder.glob("permit*"):
            try:
                permit.unlink()
            except FileNotFoundError:  # another run was faster
                continue
            return
        time.sleep(0.01)


def wait_in_every_run(folder):
    """Make the engine ask for one permit a run, also where Dask loads this file twice."""
    play = getattr(engine.play, "__wrapped__", engine.play)

    @functools.wraps(play)
    def waiting(*args, **options):
        take(folder)
        return play(*args, **options)

    engine.play = waiting


if "PERMITS" in os.environ:
    wait_in_every_run(Path(os.environ["PERMITS"]))

if __name__ == "__main__":
    from paper_repro import cli

    cli.main()
