"""The gates on a pretrained model: frozen features or online fine-tuning, one table at the end.

Exit codes: 0 done, 2 usage or bad input, 130 interrupted (what was finished is kept).
"""

import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from llm import options as options_
from llm.errors import DataError, guarded
from llm.options import Budgets, Gates, Path_, Streams
from llm.spec import MODES, FinetuneSpec, ModelSpec, StudySpec

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
TUNING = (
    *("adapter", "schedule", "update_every", "steps", "stackelberg"),
    *("test_rows", "refit_epochs", "refit_growth", "final_epochs"),
)


class Lines:
    """Progress as lines on the terminal: texts encoded, labels spent by every finished cell."""

    def __init__(self, texts: int, cells: int) -> None:
        self._texts, self._cells, self._done, self._encoded, self._said = texts, cells, 0, 0, 0

    def encoded(self, texts: int) -> None:
        self._encoded += texts
        if self._encoded - self._said >= 2048 or self._encoded == self._texts:
            self._said = self._encoded
            print(f"encoded {self._encoded}/{self._texts} texts", flush=True)

    def playing(self, cell: Any, t: int, labels: int) -> None:
        if t and t % max(1, cell.T // 10) == 0:
            print(f"  {cell.gate} replication {cell.replication}: round {t}, {labels} labels spent", flush=True)

    def finished(self, cell: Any, labels: int, mistakes: int, seconds: float) -> None:
        self._done += 1
        print(
            f"[{self._done}/{self._cells}] {cell.stream} {cell.gate} replication {cell.replication}: {labels} of "
            f"{cell.B} labels spent in {cell.T} rounds, {mistakes} mistakes, {seconds:.1f} s",
            flush=True,
        )


@app.command()
def main(
    data: Path_,
    model: Annotated[str, typer.Option(help="Hugging Face id, folder, minilm or smollm2.")] = "minilm",
    text_column: Annotated[str, typer.Option(help="Found by its usual names if not given.")] = "",
    label_column: Annotated[str, typer.Option(help="Found by its usual names if not given.")] = "",
    candidates_column: Annotated[str, typer.Option(help="Multiple choice: lists of answers.")] = "",
    same_column: Annotated[str, typer.Option(help="Rows with one value here are each other's candidates.")] = "",
    group_column: Annotated[str, typer.Option(help="Arrival groups of a drifting stream.")] = "",
    train_split: Annotated[list[str] | None, typer.Option(help="May be repeated (default train).")] = None,
    test_split: Annotated[list[str] | None, typer.Option(help="May be repeated (default test).")] = None,
    drop_label: Annotated[list[str] | None, typer.Option(help="Rows to leave out; may be repeated.")] = None,
    budget: Budgets = None,
    gate: Gates = None,
    mode: Annotated[str, typer.Option(help="frozen or finetune; answers and preferences: other options.")] = "frozen",
    stream: Streams = None,
    rounds: Annotated[int, typer.Option(help="Horizon T.")] = 5000,
    seeds: Annotated[int, typer.Option(help="Replications.")] = 5,
    seed: Annotated[int, typer.Option(help="Seed set.")] = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:0.")] = "cpu",
    dtype: Annotated[str, typer.Option(help="float32, bfloat16 or float16.")] = "float32",
    pooling: Annotated[str, typer.Option(help="auto, mean, cls or last.")] = "auto",
    max_length: Annotated[int, typer.Option(help="Tokens a text is cut at.")] = 128,
    batch_size: Annotated[int, typer.Option(help="Texts a forward pass.")] = 32,
    center: Annotated[bool, typer.Option(help="Subtract the mean training feature (no labels).")] = False,
    adapter: Annotated[str, typer.Option(help="Fine-tuning: lora or full.")] = "lora",
    schedule: Annotated[str, typer.Option(help="Fine-tuning: linear, rex or constant.")] = "constant",
    update_every: Annotated[int, typer.Option(help="Fine-tuning: labels between updates.")] = 25,
    steps: Annotated[int, typer.Option(help="Fine-tuning: gradient steps an update.")] = 20,
    stackelberg: Annotated[float, typer.Option(help="Fine-tuning: weight of the hard-negative term.")] = 0.5,
    test_rows: Annotated[int, typer.Option(help="Fine-tuning: evaluate on so many test rows (0: all).")] = 0,
    refit_epochs: Annotated[int, typer.Option(help="Fine-tuning: epochs of a refit from first weights.")] = 12,
    refit_growth: Annotated[float, typer.Option(help="Fine-tuning: refit when det V grew by 1 + this (0: off).")] = 0.0,
    final_epochs: Annotated[int, typer.Option(help="Fine-tuning: epochs of a fresh fit at the end (0: none).")] = 0,
    out: Annotated[Path, typer.Option(help="Output folder.")] = Path("results/llm"),
    cache: Annotated[Path | None, typer.Option(help="Folder of features (default OUT/features).")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes of frozen mode; results do not depend on it.")] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and what is cached.")] = False,
) -> None:
    """Play the gates on a stream of texts and print what they bought and how often they erred."""
    options = dict(locals())
    with warnings.catch_warnings():
        warnings.showwarning = options_.warn  # type: ignore[assignment]
        raise typer.Exit(guarded(lambda: _work(study(options), options)))


def study(o: dict[str, Any]) -> StudySpec:
    """The study that the options describe; raises ValueError for what it refuses."""
    lists = {"gates": o["gate"], "budgets": o["budget"], "streams": o["stream"]}
    numbers = {k: o[k] for k in ("pooling", "max_length", "batch_size", "device", "dtype")}
    return StudySpec(
        data=options_.source(o),
        model=ModelSpec(name=o["model"], **numbers),
        mode=o["mode"],
        rounds=o["rounds"],
        replications=o["seeds"],
        seed=o["seed"],
        center=o["center"],
        finetune=FinetuneSpec(**{k: o[k] for k in TUNING}),
        **{k: tuple(v) for k, v in lists.items() if v},
    )


def _work(spec: StudySpec, o: dict[str, Any]) -> int:
    from llm import run
    from llm.frozen import features

    planned = run.plan(spec, o["out"])
    data, cache = planned.data, o["cache"] or o["out"] / "features"
    texts = len(data.texts) + len(data.test_texts)
    print(
        f"{data.name}: {len(data.texts)} training and {len(data.test_texts)} test texts, {data.K} classes; "
        f"{spec.model.name} ({planned.model.kind}, d = {planned.model.width}) on {spec.model.device}, {spec.mode}"
    )
    print(f"{len(planned.cells)} cells, {len(planned.done)} cached; output in {o['out']}")
    if o["dry_run"]:
        ready = all(features.has(planned.model.digest(), t, cache) for t in (data.texts, data.test_texts))
        if spec.mode == "frozen":
            print("features cached" if ready else f"{texts} texts to encode first (20-400 a second on two cores)")
            print(f"about {len(planned.cells) - len(planned.done)} core seconds to play at d = 384 and T = 5000")
        return 0
    results, _ = run.run(planned, o["out"], o["jobs"], cache, Lines(texts, len(planned.cells) - len(planned.done)))
    _print(run.tables.summary(results))
    print(f"tables: {o['out'] / 'results.parquet'}, {o['out'] / 'timings.parquet'}")
    return 0


def _print(rows: Any) -> None:
    """The summary, one line a gate: ridge's accuracy, and the logistic or trained head's."""
    wide = max(len(gate) for gate in ("gate", *rows["gate"]))
    print(f"{'stream':<6} {'beta':>5} {'gate':<{wide}} {'labels':>7} {'mistakes':>9} {'accuracy %':>14} {'head %':>14}")
    for r in rows.itertuples():
        heads = [_percent(getattr(r, c), getattr(r, f"{c}_se")) for c in ("accuracy", "head_accuracy_logistic")]
        start = f"{r.stream:<6} {r.beta:>5.3g} {r.gate:<{wide}}"
        print(f"{start} {r.labels:>7.0f} {r.mistakes:>9.0f} {heads[0]:>14} {heads[1]:>14}")


def _percent(mean: float, error: float) -> str:
    if mean != mean:
        return "-"
    return f"{100 * mean:.1f}" + (f" +- {100 * error:.1f}" if error == error else "")


def command_of(arguments: list[str]) -> typer.Typer:
    """The command of the mode that the arguments name; raises DataError for an unknown mode."""
    mode = options_.value(arguments, "--mode", "frozen")
    if mode in MODES:
        return app
    from llm.generative import spec

    if mode not in spec.MODES:
        raise DataError(f"mode {mode!r} is unknown; valid: {', '.join((*MODES, *spec.MODES))}")
    from llm.generative.__main__ import app as generative

    return generative


if __name__ == "__main__":
    sys.exit(guarded(lambda: command_of(sys.argv[1:])(prog_name="python -m llm")))
