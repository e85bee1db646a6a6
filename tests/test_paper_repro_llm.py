"""``paper-repro llm`` end to end on a tiny model: study, verdicts, pictures, wrong input."""

import pandas as pd
import pytest
from typer.testing import CliRunner

pytest.importorskip("torch")
pytest.importorskip("transformers")

import tiny_models

from paper_repro import cli, llm_command


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("paper_repro_llm")
    tiny_models.tiny_encoder(root / "encoder")
    texts, y = tiny_models.sentences(160)
    rows = pd.DataFrame(dict(text=[f"{t} {i}" for i, t in enumerate(texts)], label=[f"k{k}" for k in y]))
    rows.assign(split=["test" if i % 4 == 0 else "train" for i in range(len(rows))]).to_parquet(root / "data.parquet")
    return root


def call(folder, out, *options):
    base = ["llm", "--data", str(folder / "data.parquet"), "--model", str(folder / "encoder"), "--out", str(out)]
    return CliRunner().invoke(cli.app, [*base, "--rounds", "60", "--seeds", "2", "--budget", "0.2", *options])


def test_a_frozen_study_is_judged_and_drawn(folder, tmp_path):
    found = call(folder, tmp_path, "--gate", "random", "--gate", "width", "--gate", "all")
    assert found.exit_code == 3, found.output  # two replications decide nothing
    assert "M2    INCONCLUSIVE" in found.output and "M4    INCONCLUSIVE" in found.output
    assert (tmp_path / "figures" / "f22_llm_accuracy.png").stat().st_size > 10_000


def test_a_fine_tuned_study_says_where_its_time_goes(folder, tmp_path):
    found = call(folder, tmp_path, "--gate", "random", "--gate", "margin", "--mode", "finetune", "--steps", "2")
    assert found.exit_code == 3, found.output
    assert "M4    PASS" in found.output or "M4    REFUTED" in found.output
    assert (tmp_path / "figures" / "f24_llm_orders.pdf").is_file()


def test_a_plan_and_wrong_input_draw_nothing(folder, tmp_path):
    assert call(folder, tmp_path / "a", "--gate", "random", "--dry-run").exit_code == 0
    wrong = call(folder, tmp_path / "b", "--gate", "randm")
    assert wrong.exit_code == 2 and "unknown gate 'randm'" in wrong.output
    assert call(folder, tmp_path / "c", "--no-such-option").exit_code == 2
    assert not list(tmp_path.rglob("*.png"))


def test_the_output_folder_in_either_spelling():
    assert str(llm_command.folder_in(["--out", "x"])) == "x"
    assert str(llm_command.folder_in(["--data", "d", "--out=y"])) == "y"
    assert str(llm_command.folder_in(["--data", "d"])) == "results/llm"
