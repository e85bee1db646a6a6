"""scikit-activeml 1.x in both directions: a gate in its stream loop, and its budget managers as gates.

A utility is one number, larger where a label is worth more.  ``GateBudgetManager`` plays the gates that need no
more, with latency = width = u and gap = -u.  Gates that weigh information, or a gap against a width, need
features: ``GateStreamQuery`` keeps the design of the queried rows, takes the gap from the classifier's
probabilities, and plays every gate but those that look ahead.

A scikit-activeml manager treats the budget as a ratio that holds in the long run.  Here it is a hard number of
labels: ``n_labels``, or floor(budget * n_rounds).  ``gate_class`` makes a manager a plugin (``sim.plugins``), with
the hard cap around it or, under ``GateSpec(cap=False)``, without.
"""

import math
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
from sklearn.base import clone

from sim.live.gate import LiveGate
from sim.rules import gates, learners
from sim.rules.leader import View
from sim.setup import GateSetup
from sim.spec import GateSpec, LearnerSpec

try:
    from skactiveml.base import BudgetManager, SingleAnnotatorStreamQueryStrategy
    from skactiveml.utils import call_func
except ImportError as error:
    raise ImportError('scikit-activeml is missing; pip install "budgeted-stackelberg[adapters]"') from error

NEED_A_DESIGN = tuple(t.name for t in gates.TRAITS if t.reads & {"gain", "width"})
WITH_UTILITIES = 'pass budget_manager_param_dict={"utilities": utilities} to the strategy\'s update'


class GateBudgetManager(BudgetManager):
    """A gate as a budget manager: ``gate`` is a kind or a GateSpec, ``n_rounds`` the horizon T.

    The budget is ``n_labels``, or the ratio ``budget`` (None: 0.1) of the horizon.  ``query_by_utility``
    changes nothing; ``update`` needs the utilities for gates that look at them, as scikit-activeml's
    BalancedIncrementalQuantileFilter does.  ``gate_`` is the ``LiveGate`` behind it, with ``left`` and ``labels``.
    """

    def __init__(self, gate="llf_quantile", n_rounds=1000, budget=None, n_labels=None, seed=0):
        super().__init__(budget)
        self.gate, self.n_rounds, self.n_labels, self.seed = gate, n_rounds, n_labels, seed

    def query_by_utility(self, utilities):
        """Indices (n_queried,) of the utilities (n,) whose labels are bought, in the order of the stream."""
        trial = self._ready(utilities).copy()
        return np.array([i for i, u in enumerate(utilities) if _try(trial, of_utility(u), u * u)], dtype=int)

    def update(self, candidates, queried_indices, utilities=None):  # type: ignore[override]
        """Settle the rounds of the candidates (n, m). Raises ValueError for labels that the gate refused."""
        if utilities is None and self._spec().traits.confidence:
            raise ValueError(f"gate {self._spec().kind!r} looks at utilities, and update got none; {WITH_UTILITIES}")
        given = np.zeros(len(candidates)) if utilities is None else np.asarray(utilities, dtype=float)
        gate = self._ready(given)
        if len(given) != len(candidates):
            raise ValueError(f"{len(given)} utilities for {len(candidates)} candidates; one each is needed")
        settle_all(gate, [(of_utility(u), u * u) for u in given], queried_indices)
        return self

    def _ready(self, utilities) -> LiveGate:
        utilities = self._validate_data(utilities)
        if utilities.ndim != 1 or not np.isfinite(utilities).all():
            raise ValueError(f"utilities of shape {utilities.shape} must be finite and of shape (n,)")
        if not hasattr(self, "gate_"):
            spec = self._spec()
            if spec.kind in NEED_A_DESIGN:
                raise ValueError(f"gate {spec.kind!r} needs features, a utility is not enough; use GateStreamQuery")
            self.gate_ = opened(spec, self.n_rounds, self.budget_, self.n_labels, 1, LearnerSpec(), self.seed)
        return self.gate_

    def _spec(self) -> GateSpec:
        return self.gate if isinstance(self.gate, GateSpec) else GateSpec(kind=self.gate)


class GateStreamQuery(SingleAnnotatorStreamQueryStrategy):
    """A gate as a stream query strategy, over the design of the queried rows (scaled to norm 1).

    Width ||x||_P with P^-1 = lam I + sum of queried x x^T; gap = largest minus second probability of
    ``clf``; latency = ``radius`` sqrt(2) ||x||_P - gap.  No theory gives the radius of an arbitrary classifier, so
    you choose it.  Utilities are -gap, and ``update`` needs them back.  Without a ``random_state`` coins have seed 0.
    """

    gate_: LiveGate
    design_: "Design"

    def __init__(
        self, gate="llf_self_paced", n_rounds=1000, budget=None, n_labels=None, lam=1.0, radius=0.1, random_state=None
    ):
        super().__init__(budget=budget, random_state=random_state)
        self.gate, self.n_rounds, self.n_labels, self.lam, self.radius = gate, n_rounds, n_labels, lam, radius

    def query(  # type: ignore[override]
        self, candidates, clf, X=None, y=None, sample_weight=None, fit_clf=False, return_utilities=False
    ):
        """Indices of the candidates (n, m) to label; ``clf`` answers ``predict_proba`` (n, K). Changes nothing."""
        rows = self._rows(candidates, return_utilities)
        if fit_clf:
            weights = {} if sample_weight is None else {"sample_weight": sample_weight}
            clf = clone(clf).fit(X, y, **weights)
        ordered = np.sort(clf.predict_proba(candidates), axis=1)
        utilities = ordered[:, -2] - ordered[:, -1]
        trial, design = self.gate_.copy(), self.design_.copy()
        queried = []
        for i, (x, u) in enumerate(zip(rows, utilities, strict=True)):
            w2 = design.square_width(x)
            if _try(trial, of_gap(-u, w2, self.radius), w2):
                design.add(x)
                queried.append(i)
        indices = np.array(queried, dtype=int)
        return (indices, utilities) if return_utilities else indices

    def update(self, candidates, queried_indices, budget_manager_param_dict=None):  # type: ignore[override]
        """Settle the rounds of the candidates and add the queried rows to the design."""
        rows, utilities = self._rows(candidates, False), (budget_manager_param_dict or {}).get("utilities")
        if utilities is None or len(utilities) != len(rows):
            raise ValueError(f"update needs one utility a candidate; {WITH_UTILITIES}")
        bought = {int(i) for i in queried_indices}
        trial, rounds = self.design_.copy(), []
        for i, (x, u) in enumerate(zip(rows, utilities, strict=True)):
            w2 = trial.square_width(x)
            rounds.append((of_gap(-float(u), w2, self.radius), w2))
            if i in bought:
                trial.add(x)
        settle_all(self.gate_, rounds, queried_indices)
        self.design_ = trial
        return self

    def _rows(self, candidates, return_utilities):
        first = not hasattr(self, "gate_")
        candidates, _ = self._validate_data(candidates, return_utilities, reset=first)
        if first:
            spec = self.gate if isinstance(self.gate, GateSpec) else GateSpec(kind=self.gate)
            k = LearnerSpec(lam=self.lam, radius_mode="fixed", radius_c=self.radius)
            d = candidates.shape[1]
            seed = 0 if self.random_state is None else int(deepcopy(self.random_state_).randint(2**31 - 1))
            self.gate_ = opened(spec, self.n_rounds, self.budget_, self.n_labels, d, k, seed)
            self.design_ = Design(d, self.lam)
        norms = np.sqrt((candidates * candidates).sum(axis=1, keepdims=True))
        return candidates / np.where(norms > 0, norms, 1.0)


class Design:
    """P = (lam I + sum of added x x^T)^-1 (d, d)."""

    def __init__(self, d: int, lam: float) -> None:
        self._s, self._out = learners.start(d, 1, lam), np.zeros(d)

    def square_width(self, x: np.ndarray) -> float:
        """||x||_P^2."""
        return learners.square_width(self._s.P, x, self._out)

    def add(self, x: np.ndarray) -> None:
        """A row was queried; its label is not needed."""
        self._s = learners.update(self._s, x, np.zeros(1), 4096, False, self._out)

    def copy(self) -> "Design":
        """An independent design."""
        twin, s = Design(len(self._out), 1.0), self._s
        twin._s = s._replace(V=s.V.copy(), P=s.P.copy(), theta=s.theta.copy(), moments=s.moments.copy())
        return twin


def opened(spec: GateSpec, T: int, ratio: float, labels: int | None, d: int, k: LearnerSpec, seed: int) -> LiveGate:
    """The live gate behind an adapter; the ratio counts only where no number of labels is given."""
    budget = {"beta": ratio} if labels is None else {"B": labels}
    return LiveGate(spec, T, d=d, learner=k, seed=seed, **budget)  # type: ignore[arg-type]


def of_utility(u: float) -> View:
    """The comparison that a utility alone stands for: larger is less certain."""
    return View(0, 1, float(u), -float(u), float(u), float(u))


def of_gap(gap: float, w2: float, radius: float) -> View:
    """The leader's comparison of two classes of one row, from the gap between their probabilities."""
    w = math.sqrt(2.0 * w2)
    return View(0, 1, w, float(gap), radius * w, max(radius * w - float(gap), 0.0))


def _try(gate: LiveGate, view: View, w2: float) -> bool:
    decision = gate.ask_view(view, float(w2))
    gate.settle(decision.open)
    return decision.open


def settle_all(gate: LiveGate, rounds: list[tuple[View, float]], queried_indices: Any) -> None:
    """Ask and settle these rounds. Raises ValueError, and plays none, for a label that the gate would not buy."""
    bought = {int(i) for i in queried_indices}
    if bought - set(range(len(rounds))):
        raise ValueError(f"queried_indices {sorted(bought)} for {len(rounds)} candidates; give indices of candidates")
    for played in (gate.copy(), gate):
        for i, (view, w2) in enumerate(rounds):
            decision = played.ask_view(view, float(w2))
            if i in bought and not decision.open:
                raise ValueError(
                    f"candidate {i} was queried though the gate stayed shut ({decision.reason}, {decision.left} labels "
                    "left); update with the indices that query returned, or fewer"
                )
            played.settle(i in bought)


def clipped_width(x: gates.Signal) -> float:
    """The width, at most 1, as a utility: scikit-activeml's lie in [0, 1]."""
    return min(x.width, 1.0)


class ManagerGate:
    """A scikit-activeml budget manager as a gate object of ``sim.plugins``: query, update, state, restore."""

    def __init__(self, manager: Any, utility: Callable[[gates.Signal], float] = clipped_width) -> None:
        self._fresh, self._manager, self._utility = manager, clone(manager), utility
        self._past: list[tuple[float, bool]] = []

    def query(self, purse: gates.Purse, signal: gates.Signal) -> bool:
        """Whether the manager would query this round's utility. Changes nothing."""
        return len(self._manager.query_by_utility(np.array([self._utility(signal)]))) > 0

    def update(self, purse: gates.Purse, signal: gates.Signal, bought: bool) -> None:
        """The round is over."""
        self._settle(self._utility(signal), bought)

    def state(self) -> dict[str, Any]:
        """All rounds so far (utility, bought), which determine the manager's state."""
        return {"past": [[u, bool(b)] for u, b in self._past]}

    def restore(self, state: dict[str, Any]) -> None:
        """Play the rounds of a saved state again, with a fresh manager."""
        self._manager, self._past = clone(self._fresh), []
        for u, bought in state["past"]:
            self._settle(u, bought)

    def _settle(self, u: float, bought: bool) -> None:
        utilities = np.array([u])
        self._manager.query_by_utility(utilities)  # a manager initialises itself in its first query
        call_func(
            self._manager.update,
            candidates=np.zeros((1, 1)),
            queried_indices=np.array([0] if bought else [], dtype=int),
            utilities=utilities,
        )
        self._past.append((u, bool(bought)))


def gate_class(
    manager: Callable[[GateSetup], Any], utility: Callable[[gates.Signal], float] = clipped_width
) -> Callable[[GateSetup], ManagerGate]:
    """``Gate`` for a plugin file: ``Gate = gate_class(lambda game: Manager(budget=game.B / game.T))``."""
    return lambda game: ManagerGate(manager(game), utility)
