"""The page of a preflight: one self-contained HTML file from the verdict and the tables behind it."""

import base64
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from figures.gallery import encode
from figures.preflight import draw
from paper_repro.preflight.battery import LATE, Report, verdict_file
from theory.ledger import FAIL, INCONCLUSIVE

Cell = dict[str, str]
RATES: tuple[tuple[str, str, tuple[float, ...], str], ...] = (
    ("exponents_T", "exponent in T", (0.5, 0.6), "Slopes with intervals; dashed: theory's 1/2 and the limit 0.6."),
    ("exponents_beta", "exponent in beta", (-0.5,), "Slopes with intervals; dashed: theory's -1/2."),
)
MEANS = "Means over permuted orders; accuracy on a held-out quarter."
SLOPES = "Log-log slope of the mean regret, with its interval."
AS_IS = {  # tables that are shown as they are: title and note
    "exponents_T": ("Exponents in T", SLOPES),
    "exponents_beta": ("Exponents in beta", SLOPES),
    "digits": ("Replay: digits", MEANS),
    "features": ("Replay: features", MEANS),
    "cost": ("Cost of a round", "Processor time of a whole round [us], measured side by side."),
    "accuracy": ("Accuracy by gate", "Means on digits."),
}


def cell(text: str, mark: str = "") -> Cell:
    """A table cell; ``mark`` is a class of the style sheet."""
    return dict(text=text, mark=mark)


def number(x: float) -> str:
    """Three significant digits, a dash for none."""
    return f"{x:.3g}" if np.isfinite(x) else "–"


def interval(row: Any, good_below: bool = True) -> Cell:
    """mean [low, high], coloured where the interval leaves 0 out."""
    below, above = row.high < 0, row.low > 0
    mark = "good" if (below if good_below else above) else ("bad" if (above if good_below else below) else "")
    return cell(f"{row.mean:.3g} [{number(row.low)}, {number(row.high)}]", mark)


def pivoted(frame: pd.DataFrame, good_below: bool = True) -> tuple[list, list]:
    """(head, rows): arenas down, rivals across, each cell a paired difference."""
    names = sorted(frame["rival"].unique())
    rows = []
    for arena, part in frame.groupby("arena"):
        by = {r.rival: r for r in part.itertuples()}
        rows.append([cell(str(arena)), *(interval(by[n], good_below) if n in by else cell("–") for n in names)])
    return ["arena", *names], rows


def table(title: str, note: str, head: list[str], rows: list[list[Cell]]) -> dict[str, Any]:
    """What the template shows as one table."""
    return dict(title=title, note=note, head=head, rows=rows)


def plain(frame: pd.DataFrame) -> list[list[Cell]]:
    """Every value as a cell."""
    return [[cell(v if isinstance(v, str) else number(float(v))) for v in row] for row in frame.itertuples(index=False)]


def summary_table(frame: pd.DataFrame) -> dict[str, Any]:
    """The rank table."""
    rows = [
        [cell(r["gate"]), cell("–" if np.isnan(r["rank"]) else f"{r['rank']:.1f} [{r['low']:.1f}, {r['high']:.1f}]"),
         cell(number(r["regret_over_random"])), cell(number(r["queried_over_random"])),
         cell(f"{r['labels_over_B']:.0%}")]
        for r in frame.to_dict("records")
    ]  # fmt: skip
    note = "Mean rank by regret over the arenas (1 is best, the same prompts and noise for all; resampled over seeds), "
    note += "geometric means over arenas of regret over random's, on the clock of all rounds and of bought rounds, and "
    note += "labels bought over B. always, never and the offline oracle are references and not ranked."
    head = ["gate", "mean rank", "regret / random's", "on bought rounds", "labels / B"]
    return table("Rank table", note, head, rows)


def tables_of(kept: dict[str, Any]) -> list[dict[str, Any]]:
    """Every table of the page, from what the checks kept."""
    tables = []
    if "summary" in kept:
        tables.append(summary_table(kept["summary"]))
    if "equal" in kept:
        note = "Mean regret minus that of a rival with exactly the labels that this gate bought, run by run "
        note += "(llf_self_paced may leave some unspent). Below 0, green: this gate is surely better; above, orange: "
        note += "surely worse."
        tables.append(table("At equal labels", note, *pivoted(kept["equal"])))
    if "pairs" in kept:
        note = "Mean regret minus each built-in gate's with the same budget, paired over seeds; colours as above."
        tables.append(table("Against every gate in every arena", note, *pivoted(kept["pairs"])))
    shown = {name: kept[name] for name in AS_IS if name in kept}
    for name in ("digits", "features"):
        if f"means_{name}" in kept:
            shown[name] = kept[f"means_{name}"].reset_index().sort_values("accuracy", ascending=False)
    tables += [table(*AS_IS[name], list(shown[name].columns), plain(shown[name])) for name in AS_IS if name in shown]
    if "extracted" in kept:
        note = "Mean regret extracted beyond each built-in follower; green: this follower is surely stronger."
        for game, part in kept["extracted"].groupby(kept["extracted"]["arena"].str.split(" / ").str[0]):
            tables.append(table(f"Strength, {game} game", note, *pivoted(part, good_below=False)))
    return tables


def figures_of(kept: dict[str, Any]) -> list[dict[str, str]]:
    """Every picture of the page."""
    pictures: list[tuple[pd.DataFrame, str, tuple[float, ...], str, str]] = []
    if "summary" in kept:
        frame = kept["summary"].dropna(subset=["rank"]).rename(columns={"gate": "label", "rank": "estimate"})
        pictures.append((frame, "mean rank (1 is best)", (), "Mean rank", "All gates, all arenas, the same budget."))
    if "equal" in kept:
        frame = kept["equal"].query("rival == 'random'").rename(columns={"arena": "label", "mean": "estimate"})
        pictures.append((frame, "regret minus random's (reward)", (0.0,), "Against random at equal labels",
                         "Left of the line this gate is better."))  # fmt: skip
    for name, x, guides, caption in RATES:
        if name in kept:
            frame = kept[name].rename(columns={"gate": "label"})
            pictures.append((frame, x, guides, x[0].upper() + x[1:], caption))
    for name in ("digits", "features"):
        if f"data_{name}" in kept:
            frame = kept[f"data_{name}"].rename(columns={"rival": "label", "mean": "estimate"}).sort_values("estimate")
            pictures.append((frame, "accuracy minus the rival's (share)", (0.0,), f"Replay: {name}",
                             "Right of the line this gate is more accurate with the same budget."))  # fmt: skip
    return [
        dict(title=title, caption=caption,
             data=base64.b64encode(encode(draw(frame, x, guides), ("png",))["png"]).decode())
        for frame, x, guides, title, caption in pictures
    ]  # fmt: skip


def page(report: Report) -> str:
    """The page's HTML."""
    shown = verdict_file(report)
    honest = [c for c in shown["checks"] if c["honest"]]
    shown["failed"] = [c["title"].lower() for c in honest if c["verdict"] == FAIL]
    shown["open"] = [c["title"].lower() for c in honest if c["verdict"] == INCONCLUSIVE or c["message"] == LATE]
    environment = Environment(
        loader=PackageLoader("paper_repro"), undefined=StrictUndefined, autoescape=True, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    template, kept = environment.get_template("preflight.html.j2"), report.bench.kept
    return template.render(**shown, tables=tables_of(kept), figures=figures_of(kept))
