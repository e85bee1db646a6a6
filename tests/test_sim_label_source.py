"""Label sources: prices, hard ledgers, and a person's queue that survives a kill between any two writes."""

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim import loop, recorded
from sim.live.journal import Journal, JournalError, encode, parse
from sim.live.queue import AnswerError, PersonQueue
from sim.live.source import PENDING, BudgetError, FromCallable, Ledger, RecordedColumn
from sim.rules import draws, log
from sim.setup import build
from sim.spec import GateSpec
from tests.conftest import digits_spec

PROMPTS = {str(i): text for i, text in enumerate(["plain", 'a "quote", a comma', "two\nlines", "naïve 問", " "])}


def queue(folder, labels=4, **options):
    return PersonQueue(folder, ledger=Ledger(labels=labels), classes=["yes", "no"], **options)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Ledger(), "needs a budget"),
        (lambda: Ledger(labels=0), "at least 1"),
        (lambda: Ledger(labels=2.5), "whole number"),
        (lambda: Ledger(money=0.0), "positive"),
        (lambda: Ledger(money=float("inf")), "finite"),
        (lambda: Ledger(money="3"), "finite number"),
        (lambda: RecordedColumn([1, None], Ledger(labels=1)), "row '1' is missing"),
        (lambda: RecordedColumn([1, np.nan], Ledger(labels=1)), "row '1' is missing"),
        (lambda: RecordedColumn([1, 2], Ledger(labels=1), [1.0]), "1 costs for 2 labels"),
        (lambda: FromCallable(lambda k, p: None, Ledger(labels=1)).get("a"), "must return the label"),
    ],
)
def test_bad_sources_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_ledger_is_hard_and_exact():
    """Ten labels at 0.1 cost 1 to the last bit, and an eleventh is refused and changes nothing."""
    ledger = Ledger(money=1.0)
    for _ in range(10):
        ledger.charge(0.1)
    with pytest.raises(BudgetError, match=r"0\.1 with 0 of 1 left"):
        ledger.charge(0.1)
    assert (ledger.bought, ledger.spent, ledger.money_left, ledger.labels_left) == (10, 1.0, 0.0, None)
    both = Ledger(labels=1, money=9.0)
    both.charge(2.5)
    with pytest.raises(BudgetError, match="all 1 labels"):
        both.charge(2.5)
    assert both.money_left == 6.5 and both.labels_left == 0


@settings(max_examples=60)
@given(st.lists(st.floats(1e-6, 5.0), max_size=30), st.floats(0.01, 20.0), st.integers(1, 20))
def test_property_a_ledger_never_goes_beyond_either_cap(costs, money, labels):
    ledger = Ledger(labels=labels, money=money)
    for cost in costs:
        try:
            ledger.charge(cost)
        except BudgetError:
            assert ledger.bought == labels or ledger.spent + cost > money - 2e-6
        assert ledger.bought <= labels and ledger.spent <= money + 1e-6


def test_a_recorded_column_sells_each_label_once(tmp_path):
    frame = pd.DataFrame({"id": ["a", "b", "c"], "label": [2, 0, 1], "price": [1.0, 2.0, 3.0]})
    frame.to_parquet(tmp_path / "labels.parquet")
    source = RecordedColumn.from_parquet(tmp_path / "labels.parquet", Ledger(money=3.0), key="id", cost="price")
    assert [source.get(k) for k in ("a", "b", "a", "b")] == [2, 0, 2, 0]
    assert source.ledger.spent == 3.0 and source.cost("c") == 3.0
    with pytest.raises(BudgetError):
        source.get("c")
    with pytest.raises(KeyError, match="no label for key 'd'"):
        source.get("d")
    plain = RecordedColumn.from_parquet(tmp_path / "labels.parquet", Ledger(labels=3))
    assert plain.get(1) == plain.get("1") == 0 and plain.ledger.bought == 1
    with pytest.raises(ValueError, match=r"no column \['gold'\]"):
        RecordedColumn.from_parquet(tmp_path / "labels.parquet", Ledger(labels=3), label="gold")
    frame.assign(id="a").to_parquet(tmp_path / "labels.parquet")
    with pytest.raises(ValueError, match="repeat"):
        RecordedColumn.from_parquet(tmp_path / "labels.parquet", Ledger(labels=3), key="id")


def test_a_function_is_called_once_a_key_and_never_beyond_the_ledger():
    calls = []

    def judge(key, prompt):
        calls.append(key)
        if key == "broken":
            raise ConnectionError("no answer")
        return f"{prompt}!"

    source = FromCallable(judge, Ledger(labels=2), cost=lambda key, prompt: 1.0 + len(prompt))
    assert source.get("a", "x") == source.get("a", "x") == "x!" and source.ledger.spent == 2.0
    with pytest.raises(ConnectionError):
        source.get("broken", "x")
    assert source.ledger.bought == 1
    source.get("b", "y")
    with pytest.raises(BudgetError):
        source.get("c", "z")
    assert calls == ["a", "broken", "b"]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_prompts_go_out_and_answers_come_in(tmp_path, suffix):
    file = tmp_path / f"ask{suffix}"
    with queue(tmp_path / "q", labels=5, cost=0.25) as q:
        assert all(q.get(k, p) is PENDING for k, p in PROMPTS.items())
        assert q.export(file) == 5 and q.take(file) == 0
    rows = (
        pd.read_csv(file, dtype=str, keep_default_na=False)
        if suffix == ".csv"
        else pd.read_json(file, lines=True, dtype=False)
    )
    assert dict(zip(rows.key, rows.prompt, strict=True)) == PROMPTS and set(rows.cost.astype(float)) == {0.25}
    rows.loc[:2, "label"] = ["yes", "no", "yes"]
    rows.to_csv(file, index=False) if suffix == ".csv" else rows.to_json(file, orient="records", lines=True)
    with PersonQueue(tmp_path / "q") as q:
        assert q.take(file) == 3 and q.take(file) == 0 and q.open == ["3", "4"]
        assert [q.get(k, p) for k, p in PROMPTS.items()] == ["yes", "no", "yes", PENDING, PENDING]
        assert q.ledger.bought == 5 and q.ledger.spent == 1.25 and q.classes == ["yes", "no"]
        with pytest.raises(BudgetError):
            q.get("new", "prompt")
        with pytest.raises(ValueError, match="asked with another prompt"):
            q.get("0", "changed")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "key,label\n0,yes\n9,no\n", r"line 3: key '9' was never asked for; remove"),
        ("a.csv", "key,label\n0,yes\n1,no\n0,yes\n", r"line 4: key '0' was answered in line 2 already"),
        ("a.csv", "key,label\n0,maybe\n", r"line 2: label 'maybe' is not one of \['yes', 'no'\]; correct it"),
        ("a.csv", "key,label\n2,no\n", r"line 2: '2' was answered 'yes' before and 'no' now.*remove the line"),
        ("a.csv", "key,answer\n0,yes\n", r"line 2: fields \['answer', 'key'\]; every answer needs key and label"),
        ("a.csv", "key,label\n0\n", r"line 2: 2 columns are needed"),
        ("a.csv", "key,label\n0,yes,more\n", r"line 2: 2 columns are needed"),
        ("a.csv", 'key,label\n0,"yes\n', r"line 2: .*save it as plain CSV"),
        ("a.jsonl", '{"key": "0", "label": "yes"}\n\n{"key": "1", "la', r"line 3: no JSON object .*correct or remove"),
        ("a.jsonl", '["0", "yes"]\n', r"line 1: .* is no JSON object with key and label"),
        ("a.csv", b"key,label\n0,\xff\n", "not UTF-8"),
        ("a.txt", "", r"suffix '\.txt' is not known"),
    ],
)
def test_bad_answers_are_refused_with_their_line_and_nothing_is_taken(tmp_path, name, text, message):
    (tmp_path / "ok.csv").write_text("key,label\n2,yes\n")
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with queue(tmp_path / "q") as q:
        for key in ("0", "1", "2"):
            q.get(key, "prompt")
        q.take(tmp_path / "ok.csv")
        with pytest.raises(ValueError, match=message) as caught:
            q.take(tmp_path / name)
        assert isinstance(caught.value, AnswerError) or name == "a.txt"
        assert q.answers == {"2": "yes"}
    with PersonQueue(tmp_path / "q") as q:
        assert q.answers == {"2": "yes"}


def test_a_queue_keeps_what_it_was_begun_with(tmp_path):
    with pytest.raises(ValueError, match="is a new queue; give it a ledger"):
        PersonQueue(tmp_path / "q")
    with pytest.raises(ValueError, match="at least two that differ"):
        PersonQueue(tmp_path / "q", ledger=Ledger(labels=1), classes=["1", 1])
    with queue(tmp_path / "q"), pytest.raises(JournalError, match="open in another process"):
        PersonQueue(tmp_path / "q")
    for options, message in (
        ({"ledger": Ledger(labels=5)}, "labels = 5, but"),
        ({"ledger": Ledger(money=5.0)}, "labels = None, but"),
        ({"classes": ["a", "b"]}, "classes ="),
    ):
        with pytest.raises(ValueError, match=message):
            PersonQueue(tmp_path / "q", **options)
    with queue(tmp_path / "q") as q:
        assert q.ledger.labels == 4


def test_numbers_as_classes_come_back_as_numbers(tmp_path):
    (tmp_path / "a.csv").write_text("key,label\n0,7\n")
    with PersonQueue(tmp_path / "q", ledger=Ledger(labels=2), classes=[3, 7]) as q:
        q.get(0, "prompt")
        assert q.take(tmp_path / "a.csv") == 1 and q.get("0", "prompt") == 7


def events_of(q):
    return (list(q.asked.items()), dict(q.answers), q.ledger.bought)


def session(folder, answers):
    """A person's whole session: ask three, answer two of them, ask the fourth; returns what is known."""
    with queue(folder) as q:
        for key in ("0", "1", "2"):
            q.get(key, f"prompt {key}")
        q.take(answers)
        q.get("3", "prompt 3")
        return events_of(q)


def session_file(folder):
    file = folder / "answers.jsonl"
    file.write_text('{"key": "1", "label": "no"}\n{"key": "0", "label": "yes"}\n')
    return file


def test_property_every_cut_of_a_journal_is_a_moment_of_its_past(tmp_path):
    """Cut at every byte: a prefix of the events is known; every fifth: the same session ends the same way."""
    answers = session_file(tmp_path)
    want = session(tmp_path / "q", answers)
    whole = (tmp_path / "q" / "journal.log").read_bytes()
    events = parse(whole, tmp_path)
    for cut in range(len(whole) + 1):
        assert parse(whole[:cut], tmp_path) == events[: whole[: cut + 1].count(b"\n")]  # whole but for its line end
    ends = [i + 1 for i, byte in enumerate(whole) if byte == 10]
    for cut in sorted({*range(0, len(whole), 5), *ends, *(e - 1 for e in ends)}):
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / "journal.log").write_bytes(whole[:cut])
        assert session(folder, answers) == want
        found = parse((folder / "journal.log").read_bytes(), folder)
        assert sorted(map(json.dumps, found)) == sorted(map(json.dumps, events))


@settings(max_examples=60)
@given(st.data())
def test_property_any_other_damage_is_refused(tmp_path_factory, data):
    events = [{"e": "ask", "key": str(i)} for i in range(4)]
    lines = [encode(n, e) for n, e in enumerate(events)]
    kind = data.draw(st.sampled_from(["flip", "drop", "repeat", "swap"]))
    i = data.draw(st.integers(0, 2))
    if kind == "flip":
        at = data.draw(st.integers(0, len(lines[i]) - 2))
        byte = data.draw(st.integers(0, 255).filter(lambda b: b != 10))
        old = lines[i]
        lines[i] = old[:at] + bytes([byte]) + old[at + 1 :]
        if lines[i] == old:
            return
    else:
        lines = {
            "drop": lines[:i] + lines[i + 1 :],
            "repeat": [*lines[: i + 1], lines[i], *lines[i + 1 :]],
            "swap": [*lines[:i], lines[i + 1], lines[i], *lines[i + 2 :]],
        }[kind]
    path = tmp_path_factory.mktemp("j") / "journal.log"
    path.write_bytes(b"".join(lines))
    with pytest.raises(JournalError, match=r"line \d is damaged"):
        Journal(path)


def killed(play):
    """Play in a child process that may kill itself; whether it did."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads, which the child does not use
        child = os.fork()
    if child == 0:
        try:
            play()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def killed_at(n, half, folder, answers):
    """Play the session in a child that is killed with SIGKILL at its n-th write or fsync; True if it was."""

    def play():
        count, write, sync = [0], os.write, os.fsync

        def tick(action):
            count[0] += 1
            if count[0] == n:
                action()
                os.kill(os.getpid(), signal.SIGKILL)

        def write_or_die(handle, data):
            tick(lambda: write(handle, bytes(data)[: len(data) // 2 if half else 0]))
            return write(handle, data)

        def sync_or_die(handle):
            tick(lambda: None)
            return sync(handle)

        os.write, os.fsync = write_or_die, sync_or_die
        session(folder, answers)

    return killed(play)


@pytest.mark.parametrize("half", [True, False])
def test_a_process_killed_between_any_two_writes_asks_nothing_twice(tmp_path, half):
    answers = session_file(tmp_path)
    want = session(tmp_path / "q", answers)
    n, died = 1, True
    while died:
        folder = tmp_path / f"{half}{n}"
        died = killed_at(n, half, folder, answers)
        assert session(folder, answers) == want
        found = parse((folder / "journal.log").read_bytes(), folder)
        asked = [e["key"] for e in found if e["e"] == "ask"]
        assert sorted(asked) == ["0", "1", "2", "3"] and len(found) == 7
        n += 1
    assert n > 2 * 7  # a write and an fsync an event, at the least


def test_a_refused_prompt_leaves_no_trace(tmp_path):
    with queue(tmp_path / "q", labels=1) as q:
        q.get("0", "prompt")
        with pytest.raises(BudgetError, match="all 1 labels"):
            q.get("1", "prompt")
    with PersonQueue(tmp_path / "q") as q:
        assert list(q.asked) == ["0"] and q.ledger.bought == 1


def test_an_unfinished_line_is_cut_off_before_a_shorter_one_is_written(tmp_path):
    with queue(tmp_path / "q") as q:
        q.get("0", "prompt")
    path = tmp_path / "q" / "journal.log"
    path.write_bytes(path.read_bytes() + encode(2, {"e": "ask", "key": "1", "prompt": "p" * 500, "cost": 1})[:-2])
    with queue(tmp_path / "q") as q:
        assert q.get("2", "short") is PENDING
    with PersonQueue(tmp_path / "q") as q:
        assert list(q.asked) == ["0", "2"]


def test_a_write_that_fails_leaves_the_journal_whole(tmp_path, monkeypatch):
    with queue(tmp_path / "q") as q:
        q.get("0", "prompt")
        write, calls = os.write, []

        def full(handle, data):
            calls.append(len(data))
            if len(calls) > 1:
                raise OSError(28, "No space left on device")
            return write(handle, bytes(data)[:10])

        monkeypatch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            q.get("1", "prompt")
        monkeypatch.undo()
        assert q.ledger.bought == 1 and "1" not in q.asked
        q.get("1", "prompt")
    with PersonQueue(tmp_path / "q") as q:
        assert list(q.asked) == ["0", "1"]


ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "docs" / "examples" / "ask_a_person.py"


def example():
    spec = importlib.util.spec_from_file_location("ask_a_person", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answer(folder):
    """The person: fill in the label column of ask.csv."""
    rows = pd.read_csv(folder / "ask.csv", dtype=str)
    rows["label"] = [str(recorded.load("digits", True).y[int(k)]) for k in rows.key]
    rows.to_csv(folder / "ask.csv", index=False)


def finish(folder, play):
    """Sessions until no prompt is open; returns (rows asked for, the gate's state)."""
    while play():
        answer(folder)
    asked = [e["key"] for e in parse((folder / "queue" / "journal.log").read_bytes(), folder) if e["e"] == "ask"]
    assert len(asked) == len(set(asked))
    return [int(k) for k in asked], json.loads((folder / "gate.json").read_text())


def test_one_prompt_at_a_time_is_the_simulators_run(tmp_path):
    made = example()
    asked, state = finish(tmp_path, lambda: made.session(tmp_path, batch=1))
    spec = digits_spec("never", T=made.T, B=made.B)
    spec = spec.model_copy(update={"gate": GateSpec(kind="llf_self_paced", c=0.8), "learner": made.LEARNER})
    data, g, none = recorded.load("digits", True), build(spec, 64, 10), np.zeros(0)
    rows = loop.play_recorded(
        g, loop.OvaRidge(64, 10, 1.0, 4096), data.X[: g.T], data.y[: g.T], lambda s: 0.0, draws.stream_keys(0, 0),
        np.arange(1, g.T + 1), none, none,
    )  # fmt: skip
    labels = np.diff(rows[:, log.COLUMNS.index("labels")], prepend=0.0)
    assert asked == np.flatnonzero(labels).tolist() and state["t"] == made.T and 10 < len(asked) <= made.B


def test_the_example_runs_over_several_processes(tmp_path):
    command, sessions = [sys.executable, str(EXAMPLE), str(tmp_path)], []

    def play():
        sessions.append(1)
        if len(sessions) > 2:  # two processes are enough to start, the others cost seconds
            return example().session(tmp_path, batch=5)
        ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
        return int(ran.stdout.split(", ")[2].split()[0])

    asked, state = finish(tmp_path, play)
    assert state["t"] == 200 and state["labels"] == len(asked) == sum(state["reasons"][k] for k in ("opened",)) <= 20


@pytest.mark.parametrize("n", [2, 4, 8, 10, 13])
def test_a_session_killed_anywhere_asks_and_counts_nothing_twice(tmp_path, monkeypatch, n):
    """SIGKILL at the n-th fsync or rename of the second session: gate and queue agree on every label."""
    made = example()
    monkeypatch.setattr(made, "T", 60)
    monkeypatch.setattr(made, "B", 12)
    want = finish(
        tmp_path / "whole", lambda: (tmp_path / "whole").mkdir(exist_ok=True) or made.session(tmp_path / "whole", 4)
    )
    folder = tmp_path / "killed"
    folder.mkdir()
    made.session(folder, 4)
    answer(folder)

    def play():
        count = [0]

        def dying(call):
            def wrapped(*args):
                count[0] += 1
                if count[0] == n:
                    os.kill(os.getpid(), signal.SIGKILL)
                return call(*args)

            return wrapped

        os.fsync, os.replace = dying(os.fsync), dying(os.replace)
        made.session(folder, 4)

    assert killed(play)
    asked, state = finish(folder, lambda: made.session(folder, 4))
    assert asked == want[0] and state == want[1]
    assert state["labels"] == len(asked)


def test_the_page_runs(tmp_path, monkeypatch, capsys):
    """Every block of docs/label_sources.md, in order, prints what its comments say."""
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "label_sources.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    said = re.findall(r"print\(.*\)  # ([^:\n]*)", "".join(blocks))
    scope: dict = {}
    for block in blocks:
        exec(compile(block, "label_sources.md", "exec"), scope)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == len(said) == 8
    for line, comment in zip(printed, said, strict=True):
        assert line == comment
