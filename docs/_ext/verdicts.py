"""The ledger as a table: the committed verdicts, by the code that makes the README's table."""

import re

COLUMNS = 5
CLASSES = ("PASS", "FAIL", "REFUTED", "INCONCLUSIVE", "VACUOUS")


def markdown(tier: str = "standard") -> str:
    """The committed verdicts of a tier; verdicts carry a class, bars inside a cell are escaped.

    Raises ValueError where a statement holds a spaced bar, which would be read as a column.
    """
    from paper_repro import reference

    head, rule, *rows = reference.markdown(reference.verdicts(tier)).splitlines()
    return "\n".join([head, rule, *(_row(line) for line in rows)])


def _row(line: str) -> str:
    cells = line.removeprefix("| ").removesuffix(" |").split(" | ")
    if len(cells) != COLUMNS:
        raise ValueError(f"{len(cells)} columns instead of {COLUMNS} in {line!r}; write a bar without spaces around it")
    cells = [re.sub(r"(?<!\\)([|*_<>])", r"\\\1", cell) for cell in cells]
    if cells[-1] in CLASSES:
        cells[-1] = f"[{cells[-1]}]{{.verdict .{cells[-1].lower()}}}"
    return f"| {' | '.join(cells)} |"
