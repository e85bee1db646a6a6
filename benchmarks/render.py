"""The tables of docs/benchmarks.md, from the CSV files that the benchmarks wrote.

    python benchmarks/render.py [FOLDER]

Every benchmark does this itself when it ends; run it alone after a table was edited or moved.  A fragment
NAME.inc is Markdown that the page includes.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import harness

Rows = list[dict[str, str]]


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    cells = [list(head), ["---"] * len(head), *([str(c).replace("|", "\\|") for c in line] for line in lines)]
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)


def circumstances(rows: Rows) -> str:
    """One paragraph: when, where, with what."""
    r = rows[0]
    threads = "one thread" if r["threads"] == "1" else f"{r['threads']} threads"
    where = f"Measured {r['date']} on {r['processor']}, {threads}, Python {r['python']}, commit {r['commit']}"
    return f"{where}; {r['versions']}."


def plain(rows: Rows) -> str:
    """A table as it is, without its circumstances."""
    also = harness.circumstances(())
    head = [c for c in rows[0] if c not in also]
    return table([h.replace("_", " ") for h in head], [[r[h] for h in head] for r in rows])


def linucb(rows: Rows) -> str:
    """One line an entry: microseconds a round and, in brackets, the ratio to the engine's rules, at every size."""
    sizes = list(dict.fromkeys((r["K"], r["d"]) for r in rows))
    at = {(r["name"], r["K"], r["d"]): r for r in rows}
    lines = []
    for name in dict.fromkeys(r["name"] for r in rows if r["name"] != "dgemm"):
        mine = [at[name, K, d] for K, d in sizes]
        times = [f"{r['us_per_round']} ({r['ratio']})" if r["us_per_round"] else "skipped" for r in mine]
        lines.append([name, *times, mine[0]["version"], mine[0]["note"]])
    return table(["", *(f"K = {K}, d = {d}" for K, d in sizes), "version", "note"], lines)


def profile(rows: Rows, most: int = 12) -> str:
    """The largest costs of a tier."""
    rest = sum(float(r["core_seconds"]) for r in rows[most:])
    lines = [[r["stage"], r["part"], r["core_seconds"], r["share"]] for r in rows[:most]]
    if rest:
        total = sum(float(r["core_seconds"]) for r in rows)
        lines.append(["everything else", f"{len(rows) - most} parts", harness.digits(rest), f"{rest / total:.1%}"])
    return table(["stage", "part", "core seconds", "share"], lines)


TABLES: dict[str, Callable[[Rows], str]] = {
    "linucb": linucb,
    "linucb_targets": plain,
    "scaling": plain,
    "scaling_targets": plain,
    "scaling_long": plain,
    "cold_start": plain,
    "cold_start_targets": plain,
    "profile": profile,
    "profile_standard": profile,
}


def write(folder: Path) -> None:
    """Write NAME.inc beside every NAME.csv that is there."""
    for name, make in TABLES.items():
        if (folder / f"{name}.csv").is_file():
            rows = harness.read(folder / f"{name}.csv")
            (folder / f"{name}.inc").write_text(f"{make(rows)}\n\n{circumstances(rows)}\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else harness.OUT)
