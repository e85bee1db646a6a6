"""User errors of the room.  Every message gives the value, the rule and the way out."""


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
