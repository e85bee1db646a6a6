"""``paper-repro llm``: the study of ``python -m llm``, then its claims judged and its picture drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from llm.options import value
from llm.spec import MODES

if TYPE_CHECKING:
    from theory.ledger import Claim


def run(arguments: list[str]) -> int:
    """Play the study that ``arguments`` describe, judge the M claims on its tables, draw its figures.

    Returns the study's exit code, or 3 where a claim stays inconclusive and 1 where one fails.
    """
    from llm.__main__ import command_of

    try:
        code = command_of(arguments)(arguments, prog_name="paper-repro llm", standalone_mode=False)
    except ModuleNotFoundError as error:
        raise ValueError(f"{error.name} is not installed; pip install 'budgeted-stackelberg[llm]'") from error
    if code or "--dry-run" in arguments or "--help" in arguments:
        return int(code or 0)
    classes = value(arguments, "--mode", "frozen") in MODES
    return (show_classes if classes else show_generative)(folder_in(arguments))


def folder_in(arguments: list[str]) -> Path:
    """The value of --out, in either spelling."""
    return Path(value(arguments, "--out", "results/llm"))


def show_classes(folder: Path) -> int:
    """A study of one label set, frozen or fine-tuned: M1-M4."""
    from theory.judges.llm import CLAIMS

    results = pd.read_parquet(folder / "results.parquet")
    tables = {
        "llm_runs": results[results["t"] == results["T"]].reset_index(drop=True),
        "llm_times": pd.read_parquet(folder / "timings.parquet").assign(seed=0),
    }
    frozen = set(tables["llm_runs"]["mode"]) == {"frozen"}
    names = ("f22_llm_accuracy", "f23_llm_mistakes") if frozen else ("f24_llm_orders",)
    return _shown(CLAIMS, names, tables, folder)


def show_generative(folder: Path) -> int:
    """A study of a generative model, answers or preferences: M5-M12."""
    from theory.judges.lm import ALL

    tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in ("lm_runs", "lm_times")}
    modes = set(tables["lm_runs"]["mode"])
    if not tables["lm_runs"]["tuned"].any():
        print("predictions only: nothing was tuned, so there is nothing to judge or to draw")
        return 0
    names = ("f28_lm_orders", *(("f29_lm_preferences",) if "preferences" in modes else ()))
    return _shown(ALL, names, tables, folder)


def _shown(claims: Sequence[Claim], figures: tuple[str, ...], tables: dict[str, pd.DataFrame], folder: Path) -> int:
    from paper_repro import drawing
    from theory.claims import LEVEL
    from theory.ledger import exit_code, judge
    from theory.stats import PAIR

    played = pd.concat([t[PAIR] for t in tables.values()]).drop_duplicates()
    if len(played) < 2:
        print("one replication has no spread: no claim is judged; give --seeds 2 or more")
        claims = ()
    verdicts = pd.DataFrame([judge(claim, tables, LEVEL) for claim in claims])
    for row in verdicts.itertuples():
        print(f"{row.id:<5} {row.verdict:<13} {row.statement}")
    print("\n".join(map(str, drawing.write(figures, tables, folder / "figures"))))
    return exit_code(verdicts) if claims else 0
