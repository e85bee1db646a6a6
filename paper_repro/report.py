"""The report: self-contained HTML, and Markdown beside it, from tables and figures."""

import base64
import math
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from figures.gallery import FAMILIES
from paper_repro import provenance, reference
from paper_repro.plan import Plan
from sim import table
from sim.files import write_atomic
from theory import claims
from theory.claims import LEDGER
from theory.judges import llm


def number(x: float) -> str:
    """Four significant digits; a dash for a missing value."""
    if x is None or (isinstance(x, float) and math.isnan(x)):
        return "–"
    if math.isinf(x):
        return "∞" if x > 0 else "−∞"
    return f"{x:.4g}"


def claim_rows(verdicts: pd.DataFrame, seconds: dict[str, float], tier: str) -> list[dict]:
    """Verdict rows with the command that reproduces each and the core seconds behind it."""
    needs = {c.id: c.needs for c in LEDGER}
    rows = verdicts.to_dict("records")
    for row in rows:
        row["command"] = f"paper-repro run --tier {tier} --only {row['id']}"
        row["seconds"] = sum(seconds.get(s, 0.0) for s in needs[row["id"]])
        row["surprise"] = surprise(row)
    return rows


def surprise(row: dict) -> str:
    """What a reader should notice about a verdict, if anything."""
    said = []
    if row["verdict"] == "REFUTED":
        said.append("the claim fails as stated; the witness is in the details")
    if not row["sound"]:
        said.append("a planted fault or truth did not come out as it must")
    if row["useful"] < 0.5:
        said.append(f"the bound is below the trivial one in {row['useful']:.0%} of the rows only")
    return "; ".join(said)


def digits_rows(frame: pd.DataFrame) -> list[dict]:
    """Mean and standard error of accuracy and mistakes, a row for each gate and beta."""
    rows = table.final(frame)
    out = []
    for (beta, gate), group in rows.groupby([rows["beta"].round(3), "gate"]):
        n = len(group)
        out.append(
            dict(
                beta=beta, gate=gate, labels=group["labels"].mean(), accuracy=100 * group["accuracy"].mean(),
                accuracy_se=100 * group["accuracy"].std() / math.sqrt(n), mistakes=group["mistakes"].mean(),
                mistakes_se=group["mistakes"].std() / math.sqrt(n), queried=group["mistakes_queried"].mean(), n=n,
            )
        )  # fmt: skip
    return out


SHARES = (0.9, 0.95, 0.99)


def text_rows(runs: pd.DataFrame) -> list[dict]:
    """Labels needed for each share of the all-labels accuracy, a row for each gate and stream."""
    out = []
    names = ["data", "mode", "stream", "gate"]
    for key, own in llm.needed_labels(runs, SHARES).groupby(names, sort=True):
        cells = [
            f"{number(r['labels'])} [{number(r['least'])}, {number(r['most'])}], {r['reached']} of {r['of']}"
            if r["reached"]
            else f"0 of {r['of']}"
            for r in own.to_dict("records")
        ]
        if any(own["reached"]):
            out.append(dict(zip(names, key, strict=True)) | dict(cells=cells))
    return out


def shown_references(plan: Plan) -> dict[str, dict[str, str]]:
    """Where the shipped tables that this report shows come from."""
    read = {n for f in plan.figures for n in FAMILIES[f].needs} | {
        n for c in LEDGER if c.id in plan.claims for n in c.needs
    }
    return {name: reference.origin(name) for name in reference.at_hand() if name in read}


def context(plan: Plan, tables: dict[str, pd.DataFrame], seconds: dict[str, float], out: Path) -> dict:
    """Everything that the templates show."""
    verdicts = tables.get("verdicts", pd.DataFrame())
    counts = verdicts["verdict"].value_counts().to_dict() if len(verdicts) else {}
    figures = []
    for name in plan.figures:
        data = base64.b64encode((out / "figures" / f"{name}.png").read_bytes()).decode()
        figures.append(dict(name=name, title=FAMILIES[name].title, caption=FAMILIES[name].caption, data=data))
    return dict(
        tier=plan.tier.name,
        sets=plan.tier.sets,
        counts=counts,
        sound=int(verdicts["sound"].sum()) if len(verdicts) else 0,
        runs=sum(len(table.final(tables[s])) for s in plan.sweeps),
        claims=claim_rows(verdicts, seconds, plan.tier.name) if len(verdicts) else [],
        figures=figures,
        drawn=plan.figures,
        savings=tables["savings"].to_dict("records") if "savings" in tables else [],
        digits=digits_rows(tables["digits"]) if "digits" in tables else [],
        text=text_rows(tables["llm_runs"]) if "f22_llm_accuracy" in plan.figures else [],
        shares=SHARES,
        origins=shown_references(plan),
        seconds=seconds,
        level=claims.LEVEL,
        provenance=provenance.collect(),
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def write(plan: Plan, tables: dict[str, pd.DataFrame], seconds: dict[str, float], out: Path) -> Path:
    """Write the HTML and Markdown reports atomically; returns the path of the HTML."""
    shown = context(plan, tables, seconds, out)
    for kind in ("html", "md"):
        environment = Environment(
            loader=PackageLoader("paper_repro"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
            autoescape=kind == "html",
        )  # fmt: skip
        environment.filters["number"] = number
        environment.filters["cell"] = lambda text: str(text).replace("|", "\\|").replace("\n", " ")
        text = environment.get_template(f"report.{kind}.j2").render(**shown)
        write_atomic(out / f"report{plan.label}.{kind}", text.encode())
    return out / f"report{plan.label}.html"
