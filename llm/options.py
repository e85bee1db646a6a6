"""What the commands of all modes share: options, the data that they describe, warnings in a line."""

import sys
from typing import Annotated, Any

import typer

from llm.spec import CHOICES, DataSpec

Path_ = Annotated[str, typer.Option("--data", help="A .parquet, .jsonl or .csv file, or a Hugging Face data set id.")]
Gates = Annotated[list[str] | None, typer.Option("--gate", help=f"May be repeated. {', '.join(CHOICES)}.")]
Budgets = Annotated[list[float] | None, typer.Option("--budget", help="Ratio below 1 or number of labels; repeatable.")]
Streams = Annotated[list[str] | None, typer.Option("--stream", help="iid, drift or zipf; may be repeated.")]


def source(o: dict[str, Any]) -> DataSpec:
    """The data that the options describe; a column that a command has no option for is not named."""
    columns = ("text_column", "label_column", "candidates_column", "same_column", "group_column")
    splits = {"train_splits": o["train_split"], "test_splits": o["test_split"], "drop_labels": o["drop_label"]}
    named = {k: o[k] for k in columns if k in o}
    return DataSpec(path=o["data"], **named, **{k: tuple(v) for k, v in splits.items() if v})


def warn(message: Warning | str, *_: Any, **__: Any) -> None:
    """A warning as one line on the error stream (for ``warnings.showwarning``)."""
    print(f"warning: {message}", file=sys.stderr)


def value(arguments: list[str], name: str, default: str) -> str:
    """The last value of an option among words, in either spelling, as the command line reads it."""
    for i, word in reversed(list(enumerate(arguments))):
        if word.startswith(f"{name}="):
            return word.removeprefix(f"{name}=")
        if word == name and i + 1 < len(arguments):
            return arguments[i + 1]
    return default
