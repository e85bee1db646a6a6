"""python -m llm: options, plan, summary, and errors in one line with exit code 2."""

import warnings

import pandas as pd
import pytest
from typer.testing import CliRunner

pytest.importorskip("torch")
pytest.importorskip("transformers")

import tiny_models

from llm import __main__ as cli


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("cli")
    for name, make in (("encoder", tiny_models.tiny_encoder), ("causal", tiny_models.tiny_causal)):
        make(root / name)
    texts, y = tiny_models.sentences(160)
    rows = pd.DataFrame(dict(text=[f"{t} {i % 4}" for i, t in enumerate(texts)], label=[f"k{k}" for k in y]))
    rows = rows.drop_duplicates("text").assign(
        split=lambda f: ["test" if i % 4 == 0 else "train" for i in range(len(f))]
    )
    rows.to_parquet(root / "data.parquet")
    rows.assign(label="one").to_parquet(root / "single.parquet")
    rows.assign(text=["‌", *rows.text[1:]]).to_parquet(root / "blank.parquet")
    return root


def call(folder, out, *options, model="encoder", data="data.parquet"):
    arguments = ["--data", str(folder / data), "--model", str(folder / model), "--out", str(out), "--rounds", "60"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return CliRunner().invoke(cli.app, [*arguments, "--seeds", "2", "--budget", "0.2", *options])


@pytest.mark.parametrize("model", ["encoder", "causal"])
def test_a_run_shows_labels_spent_and_a_table(folder, tmp_path, model):
    found = call(folder, tmp_path, "--gate", "random", "--gate", "margin", "--stream", "drift", model=model)
    assert found.exit_code == 0, found.output
    assert f"({model}, d = 16) on cpu, frozen" in found.output and "4 cells, 0 cached" in found.output
    assert "[4/4] drift margin replication 1: 12 of 12 labels spent in 60 rounds" in found.output
    assert "gate" in found.output and str(tmp_path / "results.parquet") in found.output
    assert len(pd.read_parquet(tmp_path / "timings.parquet")) == 4


def test_a_second_run_plays_nothing(folder, tmp_path):
    first = call(folder, tmp_path, "--gate", "random")
    again = call(folder, tmp_path, "--gate", "random")
    assert "2 cells, 2 cached" in again.output and "labels spent" not in again.output
    assert first.output.splitlines()[-3:] == again.output.splitlines()[-3:]


def test_a_dry_run_writes_nothing(folder, tmp_path):
    found = call(folder, tmp_path / "none", "--dry-run")
    assert found.exit_code == 0 and "24 cells, 0 cached" in found.output  # 11 gates and all labels, twice
    assert "160 texts to encode first" in found.output and not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(data="none.parquet"), "no data file"),
        (dict(data="single.parquet"), "one label only"),
        (dict(model="none"), "no model folder"),
        (("--text-column", "body"), "no text column 'body'"),
        (("--gate", "best"), "unknown gate 'best'"),
        (("--stream", "shift"), "unknown stream 'shift'"),
        (("--mode", "both"), "mode"),
        (("--budget", "-1"), "give a ratio in (0, 1) or a number of labels"),
        (("--rounds", "100000"), "with 120 training rows; give --rounds 120"),
        (("--device", "tpu:0"), "device 'tpu:0'"),
        (("--dtype", "int4"), "unknown dtype 'int4'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(folder, tmp_path, options, message):
    found = call(folder, tmp_path, **options) if isinstance(options, dict) else call(folder, tmp_path, *options)
    assert found.exit_code == 2, found.output
    assert "error: " in found.output and message in found.output and "Traceback" not in found.output


def test_cuda_asked_for_and_absent(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    found = call(folder, tmp_path, "--device", "cuda")
    assert found.exit_code == 2 and "offers no CUDA device; use --device cpu" in found.output


def test_an_interrupt_says_what_is_kept(folder, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.Lines, "finished", stop)
    found = call(folder, tmp_path, "--gate", "random")
    assert found.exit_code == 130 and "what was finished is kept" in found.output
    assert len(list((tmp_path / "cells").glob("*.json"))) == 1
