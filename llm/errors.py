"""User errors, and how a command ends on one.  Every message gives the value, the rule and the way out."""

import sys
from collections.abc import Callable


class LlmError(ValueError):
    """Base of the errors below; the command line turns them into one line and exit code 2."""


class DataError(LlmError):
    """A data set that is missing, empty, of one label only, or without the named column."""


class ModelError(LlmError):
    """A model that cannot be found or read, or a text that it cannot take."""


class DeviceError(LlmError):
    """A device or number format that this machine does not have."""


class MemoryExhaustedError(LlmError):
    """Memory ran out; the message names the batch size to try.  What was finished is kept."""


class CacheError(LlmError):
    """A folder that holds results or a checkpoint of another configuration."""


def guarded(work: Callable[[], int]) -> int:
    """The exit code of a command: its own, 2 after a user's error, 130 after an interruption; a line says which."""
    from pydantic import ValidationError

    try:
        return work()
    except ValidationError as error:
        for problem in error.errors():
            place = ".".join(str(p) for p in problem["loc"])
            text = problem["msg"].removeprefix("Value error, ")
            print(f"error: {place + ': ' if place else ''}{text}", file=sys.stderr)
        return 2
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; what was finished is kept, and the same command goes on from there", file=sys.stderr)
        return 130
