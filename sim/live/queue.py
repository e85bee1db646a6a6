"""A person as a label source: prompts are written to a file, answers are read from one.

    queue = PersonQueue("labels", classes=["yes", "no"], ledger=Ledger(labels=50))
    queue.get("17", "Is this a card fee?")   # PENDING, and 17 is paid for and asked
    queue.export("ask.csv")                  # key, prompt, cost, and an empty label to fill in
    queue.take("ask.csv")                    # later, perhaps in another process

Every change is on disk in ``<folder>/journal.log`` (``journal``) before a call returns.  So a process may be
killed at any moment: no key is asked or paid for twice, and no answer is lost.  Threads of the process that opened
the queue take turns; a process that was forked from it is refused, and so is everybody after ``close``.
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sim.files import write_atomic
from sim.live.journal import Journal, JournalError
from sim.live.money import MILLION
from sim.live.source import PENDING, Cost, Label, Ledger, Pending, priced

FIELDS = ("key", "prompt", "cost", "label")


class AnswerError(ValueError):
    """A file of answers was refused; nothing of it was taken."""


class PersonQueue:
    """A queue of prompts in ``folder`` that survives a crash; one process at a time may open it.

    The budget (``ledger``) and the classes are set when the queue is opened first; later they may be left out, or
    must be the same.  ``cost`` is a price or a function of (key, prompt).
    Raises ValueError for another budget or other classes, JournalError for a damaged or locked journal.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        ledger: Ledger | None = None,
        classes: Sequence[Label] | None = None,
        cost: Cost = 1.0,
    ) -> None:
        self.folder, self._cost = Path(folder), cost
        self._journal = Journal(self.folder / "journal.log")
        try:
            self._begin(ledger, None if classes is None else list(classes))
            for event in self._journal.events[1:]:
                self._replay(event)
            self._compare(ledger)
        except BaseException:
            self.close()
            raise

    def cost(self, key: str, prompt: str = "") -> float:
        """Price of the label of ``key``."""
        return priced(self._cost, str(key), prompt)

    def get(self, key: str, prompt: str = "") -> Label | Pending:
        """The answer if there is one; otherwise PENDING, and the first call pays for the label and asks for it.

        Raises BudgetError beyond the ledger, ValueError for a known key with another prompt, JournalError
        after ``close`` and in a forked process.
        """
        key = str(key)
        with self._journal.held():
            if key in self.asked:
                if self.asked[key] != prompt:
                    raise ValueError(
                        f"key {key!r} was asked with another prompt ({self.asked[key]!r}); keys must be unique"
                    )
                return self.answers.get(key, PENDING)
            price = self.ledger.check(self.cost(key, prompt))
            self._write({"e": "ask", "key": key, "prompt": prompt, "cost": price})
            return PENDING

    @property
    def open(self) -> list[str]:
        """Keys that are asked for and not answered, in the order of asking."""
        return [key for key in list(self.asked) if key not in self.answers]

    def export(self, path: str | Path) -> int:
        """Write the open prompts as .csv or .jsonl, whole or not at all; returns how many."""
        with self._journal.held():
            rows = [dict(zip(FIELDS, (k, self.asked[k], self._paid[k] / MILLION, ""), strict=True)) for k in self.open]
        text = io.StringIO(newline="")
        if _suffix(path) == ".csv":
            writer = csv.DictWriter(text, FIELDS)
            writer.writeheader()
            writer.writerows(rows)
        else:
            text.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        write_atomic(Path(path), text.getvalue().encode())
        return len(rows)

    def take(self, path: str | Path) -> int:
        """Import a file of answers (columns or fields ``key`` and ``label``); returns how many were new.

        An empty label means not answered yet; an answer may be repeated.  Raises AnswerError with the line, and
        takes nothing of the file, for an unknown key, a key twice, an answer that differs from the one before, or
        a label that is no class.
        """
        with self._journal.held():
            new = self._new_answers(Path(path))
            for key, label in new.items():
                self._write({"e": "answer", "key": key, "label": label})
            return len(new)

    def close(self) -> None:
        """Let another process open the queue.  A second call does nothing."""
        self._journal.close()

    def __enter__(self) -> "PersonQueue":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begin(self, ledger: Ledger | None, classes: list[Label] | None) -> None:
        if not self._journal.events:
            if ledger is None:
                raise ValueError(
                    f"{self.folder} is a new queue; give it a ledger: Ledger(labels=...) or Ledger(money=...)"
                )
            if ledger.bought:
                raise JournalError(
                    f"ledger: {ledger.bought} labels are bought, but {self._journal.path} is empty; put the file back "
                    "from a copy, or begin with an unspent ledger"
                )
            if classes is not None and len({str(c) for c in classes}) < max(len(classes), 2):
                raise ValueError(f"classes = {classes}: give at least two that differ as text")
            self._journal.append({"e": "open", "labels": ledger.labels, "money": ledger.money, "classes": classes})
        head = self._journal.events[0]
        if head["e"] != "open":
            raise JournalError(f"{self._journal.path}, line 1 is no queue's beginning; give another folder")
        given: dict[str, Any] = {"classes": classes} if classes is not None else {}
        if ledger is not None:
            given |= {"labels": ledger.labels, "money": ledger.money}
        for name, value in given.items():
            if value != head[name]:
                raise ValueError(
                    f"{name} = {value}, but {self.folder} was begun with {head[name]}; use that, or a new folder"
                )
        self.ledger = Ledger(head["labels"], head["money"])
        self.classes: list[Label] | None = head["classes"]
        self.asked: dict[str, str] = {}
        self.answers: dict[str, Label] = {}
        self._paid: dict[str, int] = {}

    def _compare(self, given: Ledger | None) -> None:
        """A ledger that paid for more than the journal knows says that the journal has lost something."""
        if given is not None and (given.bought > self.ledger.bought or given.spent > self.ledger.spent):
            raise JournalError(
                f"ledger: {given.bought} labels for {given.spent:g} are bought, but {self._journal.path} knows "
                f"{self.ledger.bought} for {self.ledger.spent:g}; put the file back from a copy, or begin a new queue "
                "in another folder with an unspent ledger"
            )

    def _new_answers(self, path: Path) -> dict[str, Label]:
        new: dict[str, Label] = {}
        lines: dict[str, int] = {}
        for line, row in _rows(path):
            where = f"{path}, line {line}"
            key, given = str(row.get("key", "")), row.get("label")
            if "key" not in row or "label" not in row:
                raise AnswerError(f"{where}: fields {sorted(map(str, row))}; every answer needs key and label")
            if key in lines:
                raise AnswerError(f"{where}: key {key!r} was answered in line {lines[key]} already; keep one of them")
            lines[key] = line
            if key not in self.asked:
                raise AnswerError(f"{where}: key {key!r} was never asked for; remove the line")
            if given is None or str(given).strip() == "":
                continue
            label = self._label(given, where)
            if key not in self.answers:
                new[key] = label
            elif self.answers[key] != label:
                raise AnswerError(
                    f"{where}: {key!r} was answered {self.answers[key]!r} before and {label!r} now; the learner may "
                    "have used the first answer, so it stays: remove the line"
                )
        return new

    def _write(self, event: dict[str, Any]) -> None:
        self._journal.append(event)
        self._replay(event)

    def _replay(self, event: dict[str, Any]) -> None:
        key = event["key"]
        if event["e"] == "ask":
            self.ledger.charge(event["cost"] / MILLION)
            self.asked[key], self._paid[key] = event["prompt"], event["cost"]
        else:
            self.answers[key] = event["label"]

    def _label(self, given: Any, where: str) -> Label:
        if self.classes is None:
            return given if isinstance(given, int) else str(given).strip()
        for known in self.classes:
            if str(known) == str(given).strip():
                return known
        raise AnswerError(
            f"{where}: label {given!r} is not one of {self.classes[:12]}; correct it, or empty it to ask again"
        )


def _suffix(path: str | Path) -> str:
    suffix = Path(path).suffix
    if suffix not in (".csv", ".jsonl"):
        raise ValueError(f"{path}: suffix {suffix!r} is not known; give .csv or .jsonl")
    return suffix


def _rows(path: Path) -> Iterator[tuple[int, dict]]:
    """(line number, fields) of every answer of a file."""
    kind = _suffix(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise AnswerError(f"{path} is not UTF-8 text ({error}); save it as UTF-8") from error
    if kind == ".csv":
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        try:
            for row in reader:
                if None in row or None in row.values():
                    raise AnswerError(
                        f"{path}, line {reader.line_num}: {len(reader.fieldnames or [])} columns are needed"
                    )
                yield reader.line_num, row
        except csv.Error as error:
            raise AnswerError(f"{path}, line {reader.reader.line_num}: {error}; save it as plain CSV") from error
        return
    for n, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise AnswerError(f"{path}, line {n}: no JSON object ({error}); correct or remove it") from error
            if not isinstance(row, dict):
                raise AnswerError(f"{path}, line {n}: {line[:40]!r} is no JSON object with key and label")
            yield n, row
