"""Reference studies by tier: what `paper-repro llm-reference` plays.

smoke  seconds: a tiny random model on made-up words, both modes, every method
cpu    SmolLM2-135M on four sets of answers and two of preferences; about two hours on two cores
gpu    the same sets in bfloat16, longer streams, five replications; or a bigger model by --model
Constants (ridge, growth, tokens, budgets) were set on replication 0 of seed set 0; the tiers play seed set 1.
"""

from pathlib import Path
from typing import Any

from llm.errors import DataError
from llm.generative import tiny
from llm.generative.spec import METHODS, LmSpec, TuneSpec
from llm.spec import DataSpec, ModelSpec

TIERS = ("smoke", "cpu", "gpu")
SEED = 1
ANSWERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "banking77": ({}, {}),
    "clinc150": (dict(drop_labels=("oos",)), {}),
    "pubmed_roles": ({}, dict(candidates=5)),
    "medquad": (
        dict(text_column="question", label_column="answer", same_column="focus"),
        dict(candidates=4, alternatives=2, scale=0.5),
    ),
}
PREFERENCES = ("pandalm_pref", "hh_harmless")
PREFERENCE_GATES = ("random", "margin", "width", "llf_quantile", "adpo", "d_optimal")
ANSWER_GATES = ("random", "margin", "prefix", "llf_self_paced")


def specs(tier: str, data: Path | None, out: Path, model: str = "", device: str = "") -> list[LmSpec]:
    """The studies of a tier; ``data`` is the folder that holds <name>/data.parquet (not needed for smoke).

    Raises DataError for an unknown tier, or data that are not there.
    """
    if tier not in TIERS:
        raise DataError(f"tier {tier!r} is unknown; valid: {', '.join(TIERS)}")
    if tier == "smoke":
        return _smoke(out / "smoke", model, device or "cpu")
    if data is None:
        raise DataError(f"tier {tier} reads real text: give the folder of {_names()} with --data")
    files = {name: data / name / "data.parquet" for name in (*ANSWERS, *PREFERENCES)}
    missing = [name for name, file in files.items() if not file.is_file()]
    if missing:
        raise DataError(
            f"{data} lacks {', '.join(f'{n}/data.parquet' for n in missing)}; give their folder with --data"
        )
    scale = 1.0 if tier == "cpu" else 4.0
    return _answers(files, tier, scale, model, device) + _preferences(files, tier, scale, model, device)


def _model(tier: str, name: str, device: str) -> ModelSpec:
    if tier == "cpu":
        return ModelSpec(name=name or "smollm2", device=device or "cpu")
    device = device or "cuda"
    return ModelSpec(name=name or "smollm2", device=device, dtype="bfloat16" if device != "cpu" else "float32")


def _answers(files: dict[str, Path], tier: str, scale: float, model: str, device: str) -> list[LmSpec]:
    out = []
    for name, (columns, own) in ANSWERS.items():
        own = dict(own)
        size = scale * own.pop("scale", 1.0)
        constants = dict(candidates=6, alternatives=3) | own
        out.append(
            LmSpec(
                data=DataSpec(path=str(files[name]), **columns),
                model=_model(tier, model, device),
                gates=ANSWER_GATES,
                rounds=int(300 * size),
                budget=0.25,
                replications=3 if tier == "cpu" else 5,
                seed=SEED,
                lam=0.3,
                held=100 if tier == "cpu" else 500,
                tune=TuneSpec(epochs=3.0, refit_growth=50.0 * size),
                **constants,
            )
        )
    return out


def _preferences(files: dict[str, Path], tier: str, scale: float, model: str, device: str) -> list[LmSpec]:
    return [
        LmSpec(
            data=DataSpec(path=str(files[name])),
            model=_model(tier, model, device),
            mode="preferences",
            gates=PREFERENCE_GATES,
            methods=METHODS,
            rounds=160 if tier == "cpu" else 500,
            budget=0.3,
            replications=3 if tier == "cpu" else 5,
            seed=SEED,
            candidates=2,
            alternatives=1,
            features="answer",
            lam=0.3,
            prompt_tokens=32 if tier == "cpu" else 128,
            answer_tokens=40 if tier == "cpu" else 128,
            held=100 if tier == "cpu" else 400,
            tune=TuneSpec(epochs=2.0, refit_growth=20.0 * scale),
        )
        for name in PREFERENCES
    ]


def _smoke(folder: Path, model: str, device: str) -> list[LmSpec]:
    files, own = tiny.data(folder), tiny.model(folder / "model")
    shared: dict[str, Any] = dict(
        model=ModelSpec(name=model or own, device=device), rounds=24, budget=0.5, replications=2, seed=SEED, held=12
    )
    tune = TuneSpec(layers=1, epochs=1.0, refit_growth=4.0, batch_size=4)
    return [
        LmSpec(data=DataSpec(path=str(files["answers"])), candidates=4, gates=ANSWER_GATES, tune=tune, **shared),
        LmSpec(
            data=DataSpec(path=str(files["preferences"])),
            mode="preferences",
            candidates=2,
            alternatives=1,
            features="answer",
            gates=PREFERENCE_GATES,
            methods=METHODS,
            tune=tune,
            **shared,
        ),
    ]


def _names() -> str:
    return ", ".join((*ANSWERS, *PREFERENCES))
