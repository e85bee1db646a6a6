"""The gates on a generative language model: candidate answers, or preferences between two answers.

Exit codes: 0 done, 2 usage or bad input, 130 interrupted (what was finished is kept).
"""

import warnings
from pathlib import Path
from typing import Annotated

import typer

from llm import options as options_
from llm.errors import guarded
from llm.generative import command
from llm.options import Budgets, Gates, Path_

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    data: Path_,
    model: Annotated[str, typer.Option(help="Hugging Face id, local folder, or smollm2.")] = "smollm2",
    text_column: Annotated[str, typer.Option(help="Found by its usual names if not given.")] = "",
    label_column: Annotated[str, typer.Option(help="Found by its usual names if not given.")] = "",
    candidates_column: Annotated[str, typer.Option(help="Multiple choice: lists of answers.")] = "",
    same_column: Annotated[str, typer.Option(help="Rows with one value here are each other's candidates.")] = "",
    train_split: Annotated[list[str] | None, typer.Option(help="May be repeated (default train).")] = None,
    test_split: Annotated[list[str] | None, typer.Option(help="May be repeated (default test).")] = None,
    drop_label: Annotated[list[str] | None, typer.Option(help="Rows to leave out; may be repeated.")] = None,
    budget: Budgets = None,
    gate: Gates = None,
    mode: Annotated[str, typer.Option(help="answers or preferences.")] = "answers",
    rounds: Annotated[int, typer.Option(help="Horizon T.")] = 5000,
    seeds: Annotated[int, typer.Option(help="Replications.")] = 5,
    seed: Annotated[int, typer.Option(help="Seed set.")] = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:0.")] = "cpu",
    dtype: Annotated[str, typer.Option(help="float32, bfloat16 or float16.")] = "float32",
    candidates: Annotated[int, typer.Option(help="Answers: candidates a prompt (default 6).")] = 0,
    alternatives: Annotated[int, typer.Option(help="Answers: shown beside the gold (default 3).")] = 0,
    teaches: Annotated[str, typer.Option(help="Answers: a label teaches every shown answer, or a pair.")] = "",
    features: Annotated[str, typer.Option(help="product, answer or joint (default by mode).")] = "",
    template: Annotated[str, typer.Option(help="Prompts as they are (plain) or as turns (chat).")] = "",
    prompt_tokens: Annotated[int, typer.Option(help="Tokens read of a prompt (default 40).")] = 0,
    answer_tokens: Annotated[int, typer.Option(help="Tokens read of an answer (default 24).")] = 0,
    held: Annotated[int, typer.Option(help="Held-out prompts that are evaluated (default 100).")] = 0,
    method: Annotated[list[str] | None, typer.Option(help="Preferences: dpo, ipo, rdpo, spa, ssapo, ssapo_0.")] = None,
    predict: Annotated[bool, typer.Option("--predict", help="Predictions of the untuned model alone.")] = False,
    layers: Annotated[int, typer.Option(help="Top layers that are tuned.")] = 8,
    epochs: Annotated[float, typer.Option(help="Passes of a fit.")] = 4.0,
    stackelberg: Annotated[float, typer.Option(help="Answers: weight of the hard-negative term.")] = 0.5,
    out: Annotated[Path, typer.Option(help="Output folder.")] = Path("results/llm"),
    jobs: Annotated[int, typer.Option(min=1, help="Processes; results do not depend on it.")] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and what is cached.")] = False,
) -> None:
    """Play the gates on prompts with candidate answers and print what they bought, what it cost and how it ended."""
    o = dict(locals())
    with warnings.catch_warnings():
        warnings.showwarning = options_.warn  # type: ignore[assignment]
        raise typer.Exit(guarded(lambda: command.work([command.study(o, options_.source(o))], out, jobs, dry_run)))


if __name__ == "__main__":
    app(prog_name="python -m llm.generative")
