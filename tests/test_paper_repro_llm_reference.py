"""``paper-repro llm-reference`` and the generative modes of ``paper-repro llm``: to the end, again, and refused."""

import json

import numpy as np
import pandas as pd
import pytest
from conftest import invoke

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("peft")

import tiny_models

from llm.generative import run, tables, tiny
from paper_repro import llm_command, llm_reference


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """The smoke tier, played once: (folder, what it printed)."""
    out = tmp_path_factory.mktemp("smoke")
    told = invoke("llm-reference", "--out", str(out), "--jobs", "1")
    assert told.exit_code == 0, told.output
    return out, told.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("lm")
    tiny.data(root)
    tiny.model(root / "model")
    tiny_models.tiny_encoder(root / "encoder")
    return root


def test_the_smoke_tier_plays_everything_and_is_drawn(smoke):
    out, told = smoke
    found, times = (pd.read_parquet(out / f"{name}.parquet") for name in ("lm_runs", "lm_times"))
    assert set(found["mode"]) == {"answers", "preferences"}
    assert {"sft", "dpo", "ipo", "rdpo", "spa", "ssapo", "ssapo_0", "none"} == set(found["method"])
    assert {"adpo", "d_optimal", "llf_self_paced"} <= set(found["gate"])
    assert found["key"].nunique() == len(times)
    for name in ("f28_lm_orders", "f29_lm_preferences"):
        assert (out / "figures" / f"{name}.png").stat().st_size > 10_000
    assert "M10   PASS" in told and "its verdicts mean nothing" in told


def test_the_same_command_goes_on_where_it_stopped_which_is_the_end(smoke, monkeypatch):
    monkeypatch.setattr(run, "play_unit", lambda *a: pytest.fail("a finished cell was played"))
    monkeypatch.setattr(llm_command, "show_generative", lambda folder: 1)
    told = invoke("llm-reference", "--out", str(smoke[0]), "--jobs", "1")
    assert told.exit_code == 0 and "0 to play" in told.output


def test_a_plan_plays_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "play_unit", lambda *a: pytest.fail("a plan was played"))
    told = invoke("llm-reference", "--out", str(tmp_path), "--dry-run", "--only", "answers")
    assert told.exit_code == 0 and "0 of 16 cells cached" in told.output
    assert not list(tmp_path.rglob("*.parquet.*")) and not (tmp_path / "cells").exists()


def one_line(told, *words):
    assert told.exit_code == 2, told.output
    lines = told.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), told.stderr
    for word in words:
        assert word in lines[0], told.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--tier", "cpu"), ("--data", "banking77", "hh_harmless")),
        (("--tier", "cpu", "--data", "/nonexistent"), ("lacks banking77/data.parquet", "--data")),
        (("--tier", "huge"), ("'huge' is unknown; valid: smoke, cpu, gpu",)),
        (("--only", "nonsense"), ("nonsense", "valid: answers, preferences")),
        (("--model", "/no/such/model"), ("/no/such/model",)),
        (("--device", "tpu7"), ("tpu7",)),
    ],
)
def test_a_reference_that_cannot_be_played_is_refused_in_a_line(tmp_path, words, expected):
    one_line(invoke("llm-reference", "--out", str(tmp_path / "x"), "--jobs", "1", *words), *expected)


def ask(folder, out, mode, *words, model="model"):
    data = folder / ("preferences.parquet" if mode == "preferences" else "answers.parquet")
    base = ("llm", "--mode", mode, "--data", str(data), "--model", str(folder / model), "--out", str(out))
    return invoke(*base, "--rounds", "12", "--seeds", "1", "--layers", "1", *words)


@pytest.mark.parametrize(
    ("mode", "words", "expected"),
    [
        ("answer", (), ("'answer' is unknown", "frozen, finetune, answers, preferences")),
        ("answers", ("--budget", "0.1", "--budget", "0.2"), ("one budget", "give --budget once")),
        ("answers", ("--gate", "randm"), ("unknown gate 'randm'",)),
        ("answers", ("--gate", "adpo"), ("'adpo' buys preferences; use it in mode preferences",)),
        ("answers", ("--gate", "llf_paced"), ("'llf_paced' counts one vector a label", "--teaches pair")),
        ("answers", ("--candidates", "70"), ("candidates = 70", "2 <= N <= 64")),
        ("answers", ("--rounds", "61"), ("T = 61 rounds with 60 training prompts",)),
        ("answers", ("--layers", "9"), ("layers = 9: the model has 2",)),
        ("answers", ("--budget", "13"), ("B = 13",)),
        ("answers", ("--template", "chat"), ("no chat template",)),
        ("preferences", ("--method", "ppo"), ("ppo",)),
        ("preferences", ("--method", "spa"), ("random",)),
        ("preferences", ("--text-column", "nothing"), ("no prompt column 'nothing'",)),
    ],
)
def test_a_study_that_cannot_be_played_is_refused_in_a_line(folder, tmp_path, mode, words, expected):
    one_line(ask(folder, tmp_path, mode, *words), *expected)
    assert not (tmp_path / "lm_runs.parquet").exists() and not (tmp_path / "figures").exists()


def test_an_encoder_writes_no_answers(folder, tmp_path):
    one_line(ask(folder, tmp_path, "answers", model="encoder"), "need a causal language model", "--model smollm2")


def test_a_study_of_ones_own_is_judged(folder, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("paper_repro.drawing.write", lambda names, tables, out: drawn.append(names) or [])
    few = ("--gate", "random", "--method", "dpo", "--held", "6", "--budget", "4", "--seeds", "2")
    told = ask(folder, tmp_path, "preferences", *few)
    assert told.exit_code in (1, 3), told.output  # two replications decide little
    assert "M10   PASS" in told.output and drawn == [("f28_lm_orders", "f29_lm_preferences")]
    found = pd.read_parquet(tmp_path / "lm_runs.parquet")
    assert found["labels"].tolist() == [4] * 4 and found["method"].tolist() == ["none", "dpo"] * 2


def test_a_folder_of_two_studies_shows_the_one_that_was_asked_for(tmp_path, monkeypatch):
    (tmp_path / "lm_runs.parquet").write_bytes(b"")
    (tmp_path / "results.parquet").write_bytes(b"")
    monkeypatch.setattr("llm.__main__.app", lambda *a, **k: 0)
    monkeypatch.setattr("llm.generative.__main__.app", lambda *a, **k: 0)
    monkeypatch.setattr(llm_command, "show_generative", lambda folder: 11)
    monkeypatch.setattr(llm_command, "show_classes", lambda folder: 12)
    out = ["--out", str(tmp_path)]
    assert llm_command.run(["--mode", "answers", *out]) == llm_command.run(["--mode=preferences", *out]) == 11
    assert llm_command.run(["--mode", "frozen", *out]) == llm_command.run(out) == 12


# ---------------------------------------------------------------------- reference tables


def kept(folder, name):
    return pd.read_csv(folder / f"{name}-cpu-model.csv")


def test_reference_tables_keep_the_rows_of_another_mode_and_replace_their_own(smoke, tmp_path, monkeypatch):
    monkeypatch.setattr(llm_reference, "EXPECTED", tmp_path / "expected")
    whole = pd.read_parquet(smoke[0] / "lm_runs.parquet")
    for name in ("lm_runs", "lm_times"):
        frame = pd.read_parquet(smoke[0] / f"{name}.parquet")
        (tmp_path / "part").mkdir(exist_ok=True)
        frame[frame["mode"] == "answers"].to_parquet(tmp_path / "part" / f"{name}.parquet")
    paths = llm_reference.write(tmp_path / "part", "a/model", "cpu:0", "smoke")
    assert [p.name for p in paths] == ["lm_runs-cpu-model.csv", "lm_times-cpu-model.csv"]
    assert set(kept(tmp_path / "expected", "lm_runs")["mode"]) == {"answers"}

    for name in ("lm_runs", "lm_times"):  # the other mode comes: the first stays
        frame = pd.read_parquet(smoke[0] / f"{name}.parquet")
        frame[frame["mode"] == "preferences"].to_parquet(tmp_path / "part" / f"{name}.parquet")
    llm_reference.write(tmp_path / "part", "a/model", "cpu", "smoke")
    told = kept(tmp_path / "expected", "lm_runs")
    assert list(told) == list(tables.COLUMNS) and len(told) == len(whole)
    assert sorted(told["key"] + told["method"]) == sorted(whole["key"] + whole["method"])
    both = told.merge(whole, on=["key", "method"], suffixes=("", "_new"))
    np.testing.assert_allclose(both["scorer"], both["scorer_new"], rtol=1e-5)
    assert (both["tuned"] == both["tuned_new"]).all() and (both["labels"] == both["labels_new"]).all()

    again = pd.read_parquet(tmp_path / "part" / "lm_runs.parquet").assign(key="new")  # the same mode again: replaced
    again.to_parquet(tmp_path / "part" / "lm_runs.parquet")
    llm_reference.write(tmp_path / "part", "a/model", "cpu", "smoke")
    last = kept(tmp_path / "expected", "lm_runs")
    assert len(last) == len(whole) and set(last[last["mode"] == "preferences"]["key"]) == {"new"}
    assert "new" not in set(last[last["mode"] == "answers"]["key"])
    note = json.loads((tmp_path / "expected" / "lm_runs-cpu-model.json").read_text())
    assert note["device"] == "cpu" and "torch" in note["versions"] and "smoke" in note["command"]
