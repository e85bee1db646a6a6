"""One cell: a stream under a gate, with the recorded features of the untuned model or with the model tuned."""

import math
from time import perf_counter
from typing import Any

import numpy as np
import torch

from llm.generative import annotate, objective
from llm.generative.features import PoolRidge
from llm.generative.learner import ONLINE, PARTS, OwnMargin, TunedPools
from llm.generative.policy import Policy
from llm.generative.spec import SELF, Cell, LmSpec
from llm.generative.stream import Stream
from llm.tuned.play import evaluation_rounds, peak_memory
from sim import loop
from sim.rules import codes, log
from sim.setup import Setup, build, information


def setup(spec: LmSpec, cell: Cell, stream: Stream) -> Setup:
    """The numbers of the game: N candidates, M shown, M vectors a label where every shown answer teaches."""
    N = stream.N
    M = min(spec.alternatives, N - 1)
    vectors = M if spec.teaches == "shown" else 1
    g = build(spec.run_of(cell, N, M, stream.lm.width))
    info, half = (information(max(n, 1), g.d, g.lam, g.L, vectors) for n in (g.B, g.B // 2))
    return g._replace(context=codes.RECORDED, info=info, info_half=half)


def cell_rows(spec: LmSpec, cell: Cell, stream: Stream) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Play a cell: (rows of the results, one a method; its timing).  The model comes back untuned."""
    if not cell.tuned:
        return _predicted(spec, cell, stream)
    lm, tune, key = stream.lm, spec.tune, (cell.seed, cell.replication)
    with lm.adapted(tune.rank, tune.alpha, (*key, 0)) as weights:
        try:
            kind = OwnMargin if cell.gate == "adpo" else TunedPools
            learner = kind(spec, cell, stream, Policy(lm, weights, tune.rate, tune.batch_size))
            return _tuned(spec, cell, stream, learner)
        finally:
            stream.new_weights()


def _loop(spec: LmSpec, cell: Cell, stream: Stream, learner: Any, accuracy: Any) -> tuple[Setup, dict[str, float]]:
    """The last row of the log of a played stream."""
    g = setup(spec, cell, stream)
    record = evaluation_rounds(cell.T, spec.evaluations)
    schedule = d_optimal(stream.base, g.B, g.lam) if cell.gate == "d_optimal" else np.zeros(0, dtype=np.int64)
    rows = loop.play_pools(g, learner, stream.gold, lambda s: accuracy(), stream.keys, record, schedule)
    return g, dict(zip(log.COLUMNS, rows[-1].tolist(), strict=True))


def _predicted(spec: LmSpec, cell: Cell, stream: Stream) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    began = perf_counter()
    ridge = PoolRidge(stream.base.copy(), spec.lam, 4096, spec.teaches)
    g, last = _loop(spec, cell, stream, ridge, lambda: np.mean(ridge.picks(stream.held_base) == stream.held_gold))
    row = _row(spec, cell, g, last) | dict(method="none")
    return [row], _timing(stream, dict.fromkeys(PARTS, 0.0), perf_counter() - began)


def _tuned(
    spec: LmSpec, cell: Cell, stream: Stream, learner: TunedPools
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    began, lm = perf_counter(), stream.lm
    before = lm.tokens
    g, last = _loop(spec, cell, stream, learner, learner.accuracy)
    base = _row(spec, cell, g, last) | dict(refits=learner.refits)
    looped = perf_counter() - began - sum(learner.seconds.values())
    lessons = learner.lessons(cell.T - 1)
    base["labels_free"] = len(lessons) - len(learner.items)
    spare = sorted(set(range(cell.T)) - set(learner.ridge.rounds))
    rows = []
    for method in (ONLINE["answers"],) if spec.mode == "answers" else spec.methods:
        if method in SELF and cell.gate != "random":  # they are compared at the labels of one gate
            continue
        with learner.clock("train"):
            annotate.train(learner, method, lessons, spare, (cell.seed, cell.replication))
        with learner.clock("evaluate"):
            rows.append(base | _scored(spec, stream) | dict(method=method))
    for row in rows:
        row["tokens"] = lm.tokens - before
    return rows, _timing(stream, learner.seconds, perf_counter() - began, looped)


def _scored(spec: LmSpec, stream: Stream) -> dict[str, Any]:
    """How the model's own score ranks held-out answers, now and before tuning, and the ranking identity."""
    told, gold = stream.scores(stream.held), stream.held_gold
    before = [stream.reference[i] for i in stream.held]
    if spec.mode == "answers":
        picks, was = ([int(np.argmax(logs / n)) for logs, n in side] for side in (told, before))
        return dict(scorer=float(np.mean(picks == gold)), scorer_before=float(np.mean(was == gold)))
    logs, ref = (np.array([side[i][0] for i in range(len(gold))]) for side in (told, before))
    both = np.column_stack([gold, 1 - gold])
    chosen_, ref_ = np.take_along_axis(logs, both, 1), np.take_along_axis(ref, both, 1)
    own = (chosen_ - ref_)[:, 0] - (chosen_ - ref_)[:, 1]
    losses = _losses(spec, chosen_, ref_)
    wrong = objective.ranking_identity(losses, chosen_, ref_, spec.tune.beta)
    return dict(
        scorer=float(np.mean(own > 0.0) + 0.5 * np.mean(own == 0.0)),
        scorer_before=float(np.mean(ref_[:, 0] > ref_[:, 1])),
        policy_ranking=float(np.mean(chosen_[:, 0] > chosen_[:, 1])),
        loss=float(losses.mean()),
        identity_pairs=len(gold),
        identity_wrong=wrong,
    )


def _losses(spec: LmSpec, logs: np.ndarray, ref: np.ndarray) -> np.ndarray:
    """DPO losses (n,) of pairs (n, 2), winner first, by the function that training uses."""
    o = objective.PreferenceSettings(spec.tune.beta, spec.tune.flip)
    both = [(torch.from_numpy(a).float(), torch.from_numpy(b).float()) for a, b in zip(logs, ref, strict=True)]
    return np.array([float(objective.preference("dpo", a, torch.ones(2), b, o)) for a, b in both])


def _row(spec: LmSpec, cell: Cell, g: Setup, last: dict[str, float]) -> dict[str, Any]:
    growth = spec.tune.refit_growth
    row: dict[str, Any] = cell.told()
    row |= {k: int(last[k]) for k in ("labels", "mistakes", "mistakes_queried")}
    row |= dict(accuracy=last["accuracy"], psi=last["psi"], N=g.N, M=g.M, labels_free=0, refits=0, tokens=0)
    row |= dict(refit_bound=1.0 + g.info / growth if growth and cell.tuned else math.nan)
    nothing = dict.fromkeys(("scorer", "scorer_before", "policy_ranking", "loss"), math.nan)
    return row | nothing | dict(identity_pairs=0, identity_wrong=0)


def _timing(stream: Stream, parts: dict[str, float], total: float, gate: float = math.nan) -> dict[str, Any]:
    """Seconds of the cell's parts; what all gates of a stream share is ``prepare``."""
    own = {f"seconds_{name}": value for name, value in parts.items()}
    gate = total if math.isnan(gate) else gate
    return (
        own
        | dict(seconds_gate=gate, seconds_total=total, seconds_prepare=stream.seconds)
        | dict(peak_memory=peak_memory(stream.lm.device))
    )


def d_optimal(Phi: np.ndarray, B: int, lam: float) -> np.ndarray:
    """A plan (T,) of 0 and 1: B pairs, each the widest given those before (greedy D-optimal)."""
    Z = Phi[:, 0] - Phi[:, 1]
    P, plan = np.eye(Z.shape[1]) / lam, np.zeros(len(Z), dtype=np.int64)
    for _ in range(min(B, len(Z))):
        widths = np.einsum("ij,ij->i", Z @ P, Z)
        widths[plan == 1] = -1.0
        i = int(np.argmax(widths))
        Pz = P @ Z[i]
        P -= np.outer(Pz, Pz) / (1.0 + Z[i] @ Pz)
        plan[i] = 1
    return plan
