"""The modes answers and preferences of ``python -m llm``: options to a study, the study, a table at the end."""

from pathlib import Path
from typing import Any

from llm.errors import DataError
from llm.generative import run
from llm.generative.spec import LmSpec, TuneSpec
from llm.spec import DataSpec, ModelSpec

CONSTANTS = ("candidates", "alternatives", "teaches", "features", "template", "prompt_tokens", "answer_tokens", "held")
DEFAULTS: dict[str, dict[str, Any]] = {
    "answers": dict(candidates=6, alternatives=3, features="product"),
    "preferences": dict(candidates=2, alternatives=1, features="answer"),
}


def study(o: dict[str, Any], data: DataSpec) -> LmSpec:
    """The study that the command line's options describe; raises ValueError for what it refuses."""
    if len(o["budget"] or ()) > 1:
        raise DataError(f"mode {o['mode']} plays one budget a study; give --budget once")
    constants = DEFAULTS[o["mode"]] | {k: o[k] for k in CONSTANTS if o.get(k)}
    numbers = {k: o[k] for k in ("device", "dtype")}
    lists = {"gates": o["gate"], "methods": o["method"]}
    tune = {"layers": o["layers"], "epochs": o["epochs"], "stackelberg": o["stackelberg"]}
    return LmSpec(
        data=data,
        model=ModelSpec(name=o["model"], **numbers),
        mode=o["mode"],
        rounds=o["rounds"],
        budget=(o["budget"] or [0.2])[0],
        replications=o["seeds"],
        seed=o["seed"],
        predict=o["predict"],
        tune=TuneSpec(**tune),
        **constants,
        **{k: tuple(v) for k, v in lists.items() if v},
    )


def work(specs: list[LmSpec], out: Path, jobs: int, dry_run: bool) -> int:
    """Play what is missing and print what every gate bought, what it cost and how it ended."""
    planned = run.plan(specs, out)
    for spec, text in zip(specs, run.missing_lines(planned), strict=True):
        print(f"{text}; {spec.model.name} on {spec.model.device}, B = {spec.labels} of T = {spec.rounds}")
    if dry_run:
        print(f"{planned.total - planned.missing} of {planned.total} cells cached; output in {out}")
        return 0
    found, times = run.run(planned, out, jobs, lambda line: print(line, flush=True))
    _print(found, times)
    print(f"tables: {out / 'lm_runs.parquet'}, {out / 'lm_times.parquet'}")
    return 0


def _print(found: Any, times: Any) -> None:
    """Means over replications, a line a gate and method."""
    seconds = times.groupby(["data", "mode", "tuned", "gate"])["seconds_total"].mean()
    keys = ["data", "mode", "tuned", "gate", "method"]
    columns = ["labels", "mistakes", "accuracy", "scorer_before", "scorer", "tokens"]
    means = found.groupby(keys, sort=False)[columns].mean().reset_index()
    wide = max(len(gate) for gate in ("gate", *means["gate"]))
    print(f"{'data':<14} {'gate':<{wide}} {'method':<9} labels mistakes leader % model % (before)  tokens seconds")
    for r in means.itertuples():
        own = "-" if r.scorer != r.scorer else f"{100 * r.scorer:.1f} ({100 * r.scorer_before:.1f})"
        method = r.method if r.tuned else "untuned"
        print(
            f"{r.data:<14} {r.gate:<{wide}} {method:<9} {r.labels:>6.0f} {r.mistakes:>8.0f} "
            f"{100 * r.accuracy:>8.1f} {own:>16} {r.tokens:>7.0f} {seconds[r.data, r.mode, r.tuned, r.gate]:>7.0f}"
        )
