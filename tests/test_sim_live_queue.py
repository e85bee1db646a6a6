"""One owner of a person's queue: closed means closed, threads take turns, forks are refused, nothing is forgotten."""

import os
import threading
import warnings

import pytest

from sim.live.journal import Journal, JournalError, encode, parse
from sim.live.queue import PersonQueue
from sim.live.source import PENDING, BudgetError, Ledger


def queue(folder, labels=4, **options):
    return PersonQueue(folder, ledger=Ledger(labels=labels), classes=["yes", "no"], **options)


def events(folder):
    path = folder / "journal.log"
    return parse(path.read_bytes(), path)


def in_a_fork(play):
    """What ``play`` raised in a forked process, as text."""
    out, into = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        said = "nothing"
        try:
            play()
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(into, said.encode())
        os._exit(0)
    os.close(into)
    os.waitpid(child, 0)
    with os.fdopen(out) as file:
        return file.read()


@pytest.mark.parametrize("call", ["get", "known", "export", "take", "append"])
def test_a_closed_queue_is_refused_and_writes_into_no_other_file(tmp_path, call):
    (tmp_path / "a.csv").write_text("key,label\n0,yes\n")
    q = queue(tmp_path / "q")
    q.get("0", "prompt")
    q.close()
    before = (tmp_path / "q" / "journal.log").read_bytes()
    other = os.open(tmp_path / "other", os.O_RDWR | os.O_CREAT)  # takes the descriptor that became free
    calls = {
        "get": lambda: q.get("1", "prompt"),
        "known": lambda: q.get("0", "prompt"),
        "export": lambda: q.export(tmp_path / "b.csv"),
        "take": lambda: q.take(tmp_path / "a.csv"),
        "append": lambda: q._journal.append({"e": "ask"}),
    }
    with pytest.raises(JournalError, match="is closed; open it again"):
        calls[call]()
    q.close()  # a second time: not the other file
    os.fstat(other)
    os.close(other)
    assert (tmp_path / "other").read_bytes() == b"" and (tmp_path / "q" / "journal.log").read_bytes() == before
    assert q.ledger.bought == 1 and not (tmp_path / "b.csv").exists()


def test_threads_take_turns(tmp_path):
    """Eight threads ask for the same and for different keys: each is paid once, and the budget holds."""
    errors = []

    def ask(q, me):
        for key in range(12):
            try:
                assert q.get(f"{key}", "prompt") is PENDING
                q.get(f"{me}-{key}", "prompt")
            except BudgetError as error:
                errors.append(error)

    with queue(tmp_path / "q", labels=40) as q:
        threads = [threading.Thread(target=ask, args=(q, me)) for me in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        known = list(q.asked)
    asked = [e["key"] for e in events(tmp_path / "q")[1:]]
    assert asked == known and len(set(asked)) == len(asked) == 40 and errors


def test_a_fork_is_refused_and_its_parent_goes_on(tmp_path):
    with queue(tmp_path / "q") as q:
        q.get("0", "prompt")
        for call in (lambda: q.get("1", "prompt"), lambda: q.get("0", "prompt"), lambda: q.export(tmp_path / "a.csv")):
            assert "JournalError" in (said := in_a_fork(call)) and "a fork of it" in said
        assert in_a_fork(q.close) == "nothing"
        with pytest.raises(JournalError, match="open in another process"):
            PersonQueue(tmp_path / "q")
        q.get("1", "prompt")
    assert [e.get("key") for e in events(tmp_path / "q")] == [None, "0", "1"]


def test_a_fork_while_another_thread_writes_is_refused_at_once(tmp_path):
    """The fork has a copy of a turn that nobody will give back; it must not wait for it."""
    with queue(tmp_path / "q") as q:
        inside, done = threading.Event(), threading.Event()

        def hold():
            with q._journal.held():
                inside.set()
                done.wait(10)

        thread = threading.Thread(target=hold)
        thread.start()
        inside.wait(10)
        try:
            assert "a fork of it" in in_a_fork(lambda: q.get("1", "prompt"))
            assert in_a_fork(q.close) == "nothing"
        finally:
            done.set()
            thread.join()


def test_a_fork_that_lives_on_does_not_keep_the_lock(tmp_path):
    out, into = os.pipe()
    q = queue(tmp_path / "q")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os.close(into)
        os.read(out, 1)  # until the parent has closed its end
        os._exit(0)
    q.close()
    try:
        queue(tmp_path / "q").close()
    finally:
        os.close(into)
        os.close(out)
        os.waitpid(child, 0)


@pytest.mark.parametrize("left", [b"", b"0", "first"])
def test_an_emptied_journal_is_no_new_queue(tmp_path, left):
    path = tmp_path / "q" / "journal.log"
    with queue(tmp_path / "q") as q:
        q.get("0", "prompt")
    whole = path.read_bytes()
    path.write_bytes(whole.split(b"\n")[0][:-1] if left == "first" else left)
    for _ in range(2):
        with pytest.raises(JournalError, match=r"journal.log has no event, but journal.log.begun says that it had one"):
            queue(tmp_path / "q")
    path.write_bytes(whole)
    with queue(tmp_path / "q") as q:
        assert list(q.asked) == ["0"]
    path.unlink()
    with pytest.raises(JournalError, match="has no event"):
        queue(tmp_path / "q")


def test_a_ledger_that_paid_for_more_than_the_journal_knows_is_refused(tmp_path):
    path = tmp_path / "q" / "journal.log"
    with queue(tmp_path / "q") as q:
        q.get("0", "prompt")
        q.get("1", "prompt")
    with PersonQueue(tmp_path / "q", ledger=q.ledger) as again:
        assert again.ledger.bought == 2
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    with pytest.raises(JournalError, match=r"2 labels for 2 are bought, but .* knows 1 for 1"):
        PersonQueue(tmp_path / "q", ledger=q.ledger)
    with pytest.raises(JournalError, match=r"2 labels are bought, but .* is empty"):
        PersonQueue(tmp_path / "new", ledger=q.ledger)


def test_a_journal_without_its_mark_gets_one(tmp_path):
    """A queue of an earlier release, or a process killed between the first event and the mark."""
    with queue(tmp_path / "q") as q:
        q.get("0", "prompt")
    mark = tmp_path / "q" / "journal.log.begun"
    mark.unlink()
    with PersonQueue(tmp_path / "q") as q:
        assert list(q.asked) == ["0"] and mark.exists()


LINES = [encode(n, {"e": "ask", "key": f"naïve {n}", "cost": 1}) for n in range(3)]


@pytest.mark.parametrize("end", [b"", b"X", b"\r", b"\x00", b" ", b"}", b"\xff"])
def test_a_whole_last_event_is_kept_whatever_became_of_its_line_end(tmp_path, end):
    path = tmp_path / "journal.log"
    path.write_bytes(b"".join(LINES)[:-1] + end)
    for _ in range(2):
        journal = Journal(path)
        assert [e["key"] for e in journal.events] == ["naïve 0", "naïve 1", "naïve 2"]
        journal.close()
        assert path.read_bytes() == b"".join(LINES)
    journal = Journal(path)
    journal.append({"e": "ask", "key": "3", "cost": 1})
    journal.close()
    assert len(parse(path.read_bytes(), path)) == 4


@pytest.mark.parametrize(
    "tail",
    [
        LINES[2][:-1] + b"X" + encode(3, {"e": "ask"})[:12],  # the end is damaged and the next line unfinished
        LINES[2][:-1].replace(b"naive", b"nave").replace(b"2", b"7", 1) + b"X",
        b"00000000" + LINES[2][8:-1],  # whole, and its checksum wrong
        LINES[1][:-1],  # repeated
    ],
)
def test_a_last_line_that_was_written_whole_and_is_damaged_is_refused(tmp_path, tail):
    path = tmp_path / "journal.log"
    data = LINES[0] + LINES[1] + tail
    path.write_bytes(data)
    with pytest.raises(JournalError, match="line 3 is damaged"):
        Journal(path)
    assert path.read_bytes() == data


def test_every_beginning_of_a_last_line_is_cut(tmp_path):
    path = tmp_path / "journal.log"
    for cut in range(len(LINES[2]) - 1):
        path.write_bytes(LINES[0] + LINES[1] + LINES[2][:cut])
        journal = Journal(path)
        journal.close()
        assert len(journal.events) == 2 and path.read_bytes() == LINES[0] + LINES[1]
