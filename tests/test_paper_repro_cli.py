"""End to end through the command line: plans, runs, resumption, damage, wrong input."""

import dataclasses
import hashlib
import html
import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from conftest import invoke
from permits import Permits, until

from paper_repro import falsify
from sim import sweeps
from sim.tiers import TIERS
from theory import claims

ROOT = Path(__file__).resolve().parent.parent


def call(*words):
    """Run the command line in a process of its own; returns the completed process."""
    return subprocess.run([sys.executable, "-m", "paper_repro", *words], cwd=ROOT, capture_output=True, text=True)


def digest(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.glob("*.parquet"))}


def test_module_and_console_script_are_the_same():
    script = Path(sys.executable).parent / "paper-repro"
    if not script.exists():
        pytest.skip("console script not installed")
    ours = subprocess.run([script, "--help"], capture_output=True, text=True, check=True).stdout
    assert "run" in ours and "doctor" in ours
    assert call("--help").stdout == ours


def test_list_names_everything():
    out = invoke("list").stdout
    for word in ("sweep  horizon", "claim  B9b", "figure f9_ledger", "llf_self_paced", "evader"):
        assert word in out


def test_doctor(tmp_path):
    done = invoke("doctor", "--out", str(tmp_path))
    assert done.exit_code == 0
    assert "no problems" in done.stdout


def test_dry_run_prints_cost_and_plays_nothing(tmp_path):
    done = invoke("run", "--tier", "paper", "--dry-run", "--out", str(tmp_path))
    assert done.exit_code == 0
    assert "minutes on" in done.stdout
    assert not list(tmp_path.rglob("*.npy"))


def test_run_one_claim_end_to_end(tmp_path):
    """A claim and its planted faults, in a process: exit code 0, report, table, provenance, cache."""
    done = call("run", "--tier", "smoke", "--only", "B6b", "--out", str(tmp_path), "--jobs", "1")
    assert done.returncode == 0, done.stderr
    assert "B6b   PASS" in done.stdout
    planted = "a gate that reads its round's label: FAIL; llf_oracle, which reads all labels: FAIL"
    assert f"looks 1, level {claims.LEVEL / 2:.1e}; planted: {planted}" in done.stdout
    report = html.unescape((tmp_path / "report-B6b.html").read_text())
    for word in (
        "B6b",
        "Decisions do not depend on the labels of their own round",
        planted,
        "Beside 1 of 1 claims every planted fault was found",
        "paper-repro run --tier smoke --only B6b",
    ):
        assert word in report
    assert "B6b" in (tmp_path / "report-B6b.md").read_text()
    assert "numpy" in (tmp_path / "provenance.json").read_text()
    row = pd.read_parquet(tmp_path / "tables" / "verdicts-B6b.parquet").iloc[0]
    assert (row["verdict"], row["sound"], row["looks"], row["measured"]) == ("PASS", True, 1, 0.0)
    configurations = len(sweeps.SWEEPS["peek"](TIERS["smoke"]))
    again = invoke("run", "--tier", "smoke", "--only", "B6b", "--out", str(tmp_path), "--dry-run")
    assert " ".join(again.stdout.split()).startswith(
        f"peek {configurations} configurations, {configurations} cached, 0 "
    )


def test_a_claim_whose_planted_fault_is_not_found_is_inconclusive_and_exits_3(compiled, tmp_path, monkeypatch):
    blind = claims.chosen(("B6b",))[0]
    weak = blind.controls[0]._replace(text="a fault too weak", judge=blind.judge)
    planted = dataclasses.replace(blind, controls=(weak,))
    monkeypatch.setattr(claims, "LEDGER", tuple(planted if c.id == "B6b" else c for c in claims.LEDGER))
    done = invoke("run", "--tier", "smoke", "--only", "B6b", "--out", str(tmp_path))
    assert done.exit_code == 3 and "B6b   INCONCLUSIVE" in done.stdout and "a fault too weak: PASS" in done.stdout
    assert "a planted fault or truth did not come out as it must" in (tmp_path / "report-B6b.html").read_text()


def test_threads_do_not_change_a_byte(compiled, tmp_path):
    for jobs in ("1", "2"):
        done = invoke("sweep", "--tier", "smoke", "--only", "peek", "--jobs", jobs, "--out", str(tmp_path / jobs))
        assert done.exit_code == 0, done.stderr
    assert digest(tmp_path / "1" / "tables") == digest(tmp_path / "2" / "tables")


def test_kill_and_resume_gives_the_same_table(compiled, tmp_path):
    """kill -9 while a run is under way loses nothing finished; the continued run ends with the same bytes."""
    words = ["sweep", "--tier", "smoke", "--only", "hard", "--jobs", "1"]
    assert invoke(*words, "--out", str(tmp_path / "whole")).exit_code == 0
    cut, permits = tmp_path / "cut", Permits(tmp_path / "permits")
    permits.give(5)
    program = [sys.executable, str(ROOT / "tests" / "permits.py"), *words, "--out", str(cut)]
    environment = os.environ | dict(PYTHONPATH=str(ROOT)) | permits.environment
    running = subprocess.Popen(program, cwd=ROOT, stdout=subprocess.DEVNULL, env=environment)
    until(lambda: len(list(cut.rglob("*.json"))) == 5 or running.poll() is not None)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    finished = {p: p.stat().st_mtime_ns for p in cut.rglob("*.json")}
    assert len(finished) == 5 < len(list((tmp_path / "whole").rglob("*.json")))
    assert invoke(*words, "--out", str(cut)).exit_code == 0
    assert all(p.stat().st_mtime_ns == t for p, t in finished.items())
    assert digest(cut / "tables") == digest(tmp_path / "whole" / "tables")


def test_a_damaged_cache_file_is_recomputed_with_a_warning(compiled, tmp_path):
    """The second call is a process, because what becomes of its warnings is seen."""
    words = ["sweep", "--tier", "smoke", "--only", "controls", "--out", str(tmp_path)]
    assert invoke(*words).exit_code == 0
    before = digest(tmp_path / "tables")
    victim = next(tmp_path.rglob("*.npy"))
    victim.write_bytes(victim.read_bytes()[:-1])
    done = call(*words)
    assert "computed again" in done.stderr
    assert digest(tmp_path / "tables") == before


def test_results_of_another_code_version_are_announced(compiled, tmp_path):
    (tmp_path / "cache" / "abcdefabcdef").mkdir(parents=True)
    (tmp_path / "cache" / "abcdefabcdef" / "x.npy").write_bytes(b"")
    done = invoke("sweep", "--tier", "smoke", "--only", "controls", "--out", str(tmp_path))
    assert "1 results of code version abcdefabcdef" in done.stdout


def test_own_configuration(compiled, tmp_path):
    config = tmp_path / "mine.toml"
    config.write_text('T = 50\nbeta = 0.2\n[gate]\nkind = "llf_paced"\n')
    done = invoke("sweep", "--config", str(config), "--out", str(tmp_path))
    assert done.exit_code == 0, done.stderr
    assert "labels" in done.stdout
    assert pd.read_parquet(tmp_path / "mine.parquet")["gate"].unique().tolist() == ["llf_paced"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "--tier", "smok"), "unknown tier 'smok'; nearest: 'smoke'"),
        (("run", "--only", "B99"), "unknown id 'B99'"),
        (("run", "--only", "horizn"), "nearest: 'horizon'"),
        (("run", "--seeds", "0"), "at least one seed set"),
        (("run", "--out", "/proc/nothing/here"), "cannot write to"),
        (("run", "--out", ""), "'' is no folder"),
        (("preflight", "x.py", "--out", ""), "'' is no folder"),
        (("sweep", "--out", " "), "' ' is no folder"),
        (("falsify", "--out", ""), "'' is no folder"),
        (("doctor", "--out", ""), "'' is no folder"),
        (("falsify", "--claim", "B7", "--minutes", "inf"), "minutes = inf is not allowed; give a positive number"),
        (("falsify", "--claim", "B7", "--minutes", "nan"), "minutes = nan is not allowed"),
        (("run", "--jobs", "0"), "jobs"),
        (("run", "--backend", "ray"), "unknown backend 'ray'; valid: local, dask"),
        (("sweep", "--shard", "9/8"), "give i/n with 1 <= i <= n"),
        (("nonsense",), "No such command"),
        (("sweep", "--config", "no-such.toml"), "no configuration no-such.toml"),
        (("compare", "--tier", "paper", "--out", "/proc/nothing/here"), "cannot write to"),
    ],
)
def test_wrong_usage_is_exit_code_2(words, message):
    assert_refused(invoke(*words), message)


def assert_refused(done, message):
    """Exit code 2 and one message; ``invoke`` would have raised anything else."""
    assert done.exit_code == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_usage_of_a_process_is_exit_code_2():
    done = call("run", "--only", "horizn")
    assert done.returncode == 2
    assert "nearest: 'horizon'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("T = 0", "T: T = 0 is not allowed"),
        ("T = 10\nbeta = 1.5", "0 < beta <= 1"),
        ("T = 10\nB = 11", "1 <= B <= T"),
        ("T = 10\ncolour = 3", "colour: Extra inputs are not permitted"),
        ('T = 10\n[gate]\nkind = "llf_pace"', "nearest: 'llf_paced'"),
        ("T = 10\n[learner]\nlam = 0.0", "learner.lam"),
        ("T = 10\n[learner]\nsigma = nan", "sigma = nan is not allowed"),
        ('T = 10\n[stream]\ncontext = "recorded"\npath = "no.npz"\n[follower]\nkind = "all"\n'
         '[learner]\nkind = "ova"\nfeedback = "gold"', "no file 'no.npz'"),
        ("T = ", "Invalid value"),
        (f"T = 1{400 * '0'}", "T: T = an integer of many digits is not allowed"),
        (f"T = 1{5000 * '0'}", "Exceeds the limit"),
        ("[stream]\nd = 100000", "d = 100000: arrays of 298 GiB"),
        ('T = 1000000000000\n[record]\nmode = "every"', "give record mode 'final'"),
        ("[learner]\nsigma = 1e307", "the radius is inf"),
    ],
)  # fmt: skip
def test_wrong_configuration_is_explained(tmp_path, text, message):
    config = tmp_path / "bad.toml"
    config.write_text(text)
    assert_refused(invoke("sweep", "--config", str(config), "--out", str(tmp_path)), message)


RECORDED = """T = 10
[stream]
context = "recorded"
path = "{}"
[follower]
kind = "all"
[learner]
kind = "ova"
feedback = "gold"
"""


@pytest.mark.parametrize("name", ["data.npz", "data.parquet"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PAR1PAR1"])
def test_a_damaged_data_file_is_explained(tmp_path, name, content):
    data, config = tmp_path / name, tmp_path / "mine.toml"
    data.write_bytes(content)
    config.write_text(RECORDED.format(data))
    done = invoke("sweep", "--config", str(config), "--out", str(tmp_path))
    assert_refused(done, f"{data} cannot be read (")
    assert done.stderr.count("\n") == 1


def test_falsify_saves_a_replayable_instance(compiled, tmp_path, monkeypatch):
    """The search ends after some instances and not after some time: it finds one on any machine."""
    monkeypatch.setattr(falsify, "UNLIMITED", 40)
    monkeypatch.setattr(falsify, "SIMPLIFY", 20)
    done = invoke("falsify", "--claim", "B7", "--minutes", "600", "--out", str(tmp_path))
    assert done.exit_code == 0, done.stderr
    assert "measured/bound 0." in done.stdout
    assert (tmp_path / "falsify" / "B7.json").is_file()


def test_falsify_names_the_valid_claims(tmp_path):
    done = invoke("falsify", "--claim", "B99", "--out", str(tmp_path))
    assert done.exit_code == 2
    assert "valid: B2" in done.stderr


def test_a_failed_run_or_oracle_is_a_message_and_a_defect_is_not_hidden(capsys):
    from paper_repro import cli
    from sim.engine import EngineError

    def fail(error):
        raise error

    assert cli.call(lambda: fail(EngineError("the inverse design drifted"))) == 2
    assert "error: the inverse design drifted" in capsys.readouterr().err
    assert cli.call(lambda: fail(MemoryError("Unable to allocate 9 TiB"))) == 2
    assert "error: no memory is left (Unable to allocate 9 TiB); give a smaller" in capsys.readouterr().err
    with pytest.raises(RuntimeError, match="a defect"):
        cli.call(lambda: fail(RuntimeError("a defect")))
