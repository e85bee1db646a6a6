"""Tables of verdicts on the site: each verdict gets its colour, everything else is taken literally.

The pages hold plain Markdown, which reads well without the site; a test compares it with the committed verdicts.
"""

import re

COLUMNS = 5
CLASSES = ("PASS", "FAIL", "REFUTED", "INCONCLUSIVE", "VACUOUS")
_VERDICT = re.compile(rf"^\| .* \| ({'|'.join(CLASSES)}) \|$", re.MULTILINE)


def coloured(page: str) -> str:
    """The page with every row of a ledger's table (id, claim, origin, numbers, verdict) made ready for the site.

    Raises ValueError where a statement holds a spaced bar, which would be read as a column.
    """
    return _VERDICT.sub(lambda row: _row(row[0]), page)


def _row(line: str) -> str:
    cells = line.removeprefix("| ").removesuffix(" |").split(" | ")
    if len(cells) != COLUMNS:
        raise ValueError(f"{len(cells)} columns instead of {COLUMNS} in {line!r}; write a bar without spaces around it")
    cells = [re.sub(r"(?<!\\)([|*_<>])", r"\\\1", cell) for cell in cells]
    cells[-1] = f"[{cells[-1]}]{{.verdict .{cells[-1].lower()}}}"
    return f"| {' | '.join(cells)} |"
