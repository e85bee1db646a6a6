"""One session of labelling digits with a person.  Run it, fill in FOLDER/ask.csv, run it again, until it is done."""

import json
import sys
from pathlib import Path

import numpy as np

from sim import recorded
from sim.files import write_atomic
from sim.live.gate import LiveGate
from sim.live.queue import PersonQueue
from sim.live.source import Ledger
from sim.loop import OvaRidge
from sim.spec import GateSpec, LearnerSpec

T, B = 200, 20
LEARNER = LearnerSpec(sigma=0.5, radius_mode="fixed", radius_c=0.1)


def session(folder: Path, batch: int) -> int:
    """Take the answers that came, play on until ``batch`` prompts are open; returns how many are."""
    X, saved, asks = recorded.load("digits", True).X[:T], folder / "gate.json", folder / "ask.csv"
    with PersonQueue(folder / "queue", ledger=Ledger(labels=B), classes=list(range(10))) as queue:
        if asks.exists():
            queue.take(asks)
        learner = OvaRidge(64, 10, lam=1.0, refresh=4096)
        for key, label in queue.answers.items():
            learner.update(X[int(key)], np.eye(10)[label])
        if saved.exists():
            gate = LiveGate.restore(json.loads(saved.read_text()))
        else:
            gate = LiveGate(GateSpec(kind="llf_self_paced", c=0.8), T, B=B, d=64, learner=LEARNER)
        if gate.pending is None and gate.rounds < T:
            gate.inform(learner.state().psi)
        while gate.rounds < T and len(queue.open) < batch:
            t = gate.rounds
            decision = gate.pending or gate.ask(*learner.predict(X[t]))
            if decision.open:
                write_atomic(saved, json.dumps(gate.state()).encode())  # decided, and not yet asked
                queue.get(str(t), f"Which digit is row {t}?")
            gate.settle(decision.open, learner.state().psi)
        write_atomic(saved, json.dumps(gate.state()).encode())
        waiting = queue.export(asks)
        print(f"round {gate.rounds} of {T}, {gate.labels} of {B} labels, {waiting} to answer in {asks}")
    return waiting


if __name__ == "__main__":
    session(Path(sys.argv[1]), batch=5)
