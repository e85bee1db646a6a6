"""What scoring candidate answers costs with and without sharing their prompt, and what tuning the top costs.

    python benchmarks/language.py [--quick] [--model smollm2] [--out FOLDER]

Log-likelihoods of N candidate answers of one prompt, one thread, median of interleaved repeats:
    each alone     every (prompt, answer) through the whole model by itself
    one batch      all of them as one batch, the prompt repeated
    one row        prompt and answers packed in one row (llm.generative.packed), whole model
    kept trunk     the same with the lower layers' states kept, as every later scoring of a text is
Then a training step on 8 rows of 128 tokens: adapters in all layers and in the top 8, seconds and peak memory
of a fresh process.  Goals: one row at least 2x faster than each alone, memory under 4 GiB.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import harness
import numpy as np

SIZES = ((40, 8, 4), (100, 4, 24), (15, 4, 24))  # prompt tokens, answers, tokens of an answer
STEP_ROWS, STEP_TOKENS, LAYERS = 8, 128, 8
GIB = 2.0**30
COLUMNS = ("problem", "how", "seconds", "min", "max", "ratio", "peak_gib")


def texts(prompt: int, answers: int, length: int) -> tuple[str, list[str]]:
    """A prompt and answers of about so many tokens."""
    rng = np.random.default_rng([prompt, answers, length])
    words = ("card", "loan", "cash", "fee", "why", "when", "how", "help", "now", "today")
    return " ".join(rng.choice(words, prompt)), [" ".join(rng.choice(words, length)) for _ in range(answers)]


def scoring(name: str, repeats: int, sizes) -> list[dict]:
    """Rows of the four ways to score, and how far their numbers are apart (checked)."""
    import torch

    from llm import model as models
    from llm.generative.language import Language

    torch.set_num_threads(1)
    model = models.load(name)
    lm = Language(model, min(LAYERS, model.network.config.num_hidden_layers))
    out = []
    for size in sizes:
        prompt, answers = texts(*size)
        row = lm.row(prompt, answers, 10_000, 10_000)
        kept = lm.states([row])
        ways = {
            "each alone": lambda p=prompt, a=answers: [float(model.loglik(p, [one])[0]) for one in a],
            "one batch": lambda p=prompt, a=answers: model.loglik(p, a).tolist(),
            "one row": lambda r=row: lm.scores([r], lm.states([r]))[0][0].tolist(),
            "kept trunk": lambda r=row, k=kept: lm.scores([r], k)[0][0].tolist(),
        }
        assert np.allclose(ways["one row"](), ways["kept trunk"](), atol=1e-3)
        entries = [harness.Entry(how, 1, lambda work=work: work) for how, work in ways.items()]
        times = harness.interleave(entries, repeats)
        base = harness.spread(times["each alone"])[0]
        problem = f"{size[1]} answers of {size[2]} tokens, prompt of {size[0]}"
        for how, seconds in times.items():
            middle, least, most = (s / 1e6 for s in harness.spread(seconds))
            cells = (problem, how, *(harness.digits(s) for s in (middle, least, most)))
            out.append(dict(zip(COLUMNS, (*cells, harness.digits(base / 1e6 / middle), ""), strict=True)))
    return out


def step(name: str, layers: int) -> None:
    """A training step in this process; prints seconds and peak memory [GiB]."""
    import torch

    from llm import model as models
    from llm.generative.language import Language
    from llm.generative.policy import Policy

    torch.set_num_threads(1)
    model = models.load(name)
    lm = Language(model, layers or model.network.config.num_hidden_layers)
    rows = [lm.row(*(t if isinstance(t, str) else t[:1] for t in texts(64, 1, 63 + i % 2)), 10_000, 10_000)
            for i in range(STEP_ROWS)]  # fmt: skip
    states = lm.states(rows)
    with lm.adapted(8, 16.0, (0, 0, 0)) as weights:
        policy = Policy(lm, weights, 1e-3, STEP_ROWS)
        times = []
        for _ in range(2):
            start = time.process_time()
            policy.fit(rows, states, lambda sums, counts, at: -(sums / counts).mean(), 1.0, (0,))
            times.append(time.process_time() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0 / GIB
    print(f"{min(times)} {peak}")


def steps(name: str) -> list[dict]:
    """Rows of a training step with adapters in all layers and in the top ones, each in a fresh process."""
    out, base = [], 0.0
    for how, layers in (("adapters in all layers", 0), (f"adapters in the top {LAYERS}", LAYERS)):
        words = [sys.executable, __file__, "--step", str(layers), "--model", name]
        done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=harness.ROOT)
        seconds, peak = map(float, done.stdout.split()[-2:])
        base = base or seconds
        cells = (harness.digits(seconds), "", "", harness.digits(base / seconds), harness.digits(peak))
        problem = f"step of {STEP_ROWS} rows of {STEP_TOKENS} tokens"
        out.append(dict(zip(COLUMNS, (problem, how, *cells), strict=True)))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tiny random model: shows that it runs")
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--step", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=harness.ROOT / "docs" / "benchmarks")
    given = parser.parse_args()
    if given.step is not None:
        step(given.model, given.step)
        return
    name = given.model
    if given.quick:
        import tempfile

        from llm.generative import tiny

        name = tiny.model(Path(tempfile.mkdtemp()) / "tiny")
    rows = scoring(name, 1 if given.quick else 5, ((10, 4, 2),) if given.quick else SIZES)
    rows += [] if given.quick else steps(name)
    harness.show(rows, COLUMNS)
    harness.write(given.out / "language.csv", rows, harness.circumstances(("torch", "transformers", "peft")))


if __name__ == "__main__":
    main()
