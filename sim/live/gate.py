"""A gate outside the simulator: one round at a time, for whoever has prompts, a learner and labels.

    gate = LiveGate(GateSpec(kind="llf_self_paced"), T=1000, beta=0.1, d=64)
    decision = gate.ask(scores, w2)            # before the label: scores (K,), w2 = ||x||_P^2
    gate.settle(bought, psi)                   # after it, bought or not; then the next ask

Signals are formed and coins drawn as in ``loop.play_recorded``, so with the same scores, widths and labels the
decisions are the simulator's.  ``state()`` is plain JSON; it may be taken between any two calls, also between
``ask`` and ``settle``.  A state that is damaged is refused (``saved``).

A budget in labels is a hard cap B.  A budget in money is a hard cap too: a label that costs more than what is
left is refused.  Its gate counts in labels of ``mean_cost``, which is fixed beforehand: B = floor(money /
mean_cost), and ``left`` is (money - spent) / mean_cost.  So a gate paces by the share of money that is left and
does not weigh a prompt's price against its worth.  Theorems 1-4 assume that every label costs the same; with
other costs only the hard cap and lemma 0 hold.  Gates that count labels themselves (``rules.gates.Traits.counts``)
cannot have a money budget.  Money is kept in whole millionths, so that sums are exact.
"""

import copy
import operator
import warnings
from collections import Counter
from typing import Any

import numpy as np

from sim.fields import budget_of
from sim.live import rule as rules
from sim.live import saved as states
from sim.live.money import MILLION, check_budget, in_millionths
from sim.live.saved import Decision, LiveError, LiveSpec
from sim.rules import codes, draws, gates, leader, learners
from sim.setup import GateSetup, gate_setup, idle_text, is_idle
from sim.spec import GateSpec, LearnerSpec


class LiveGate:
    """One gate over T rounds: ``ask`` decides on a round, ``settle`` closes it.

    Give the budget as ``B`` labels, as ``beta`` (B = floor(beta T)), or as ``money`` with ``mean_cost``.
    d, lam, L enter D_B; sigma, S, delta, ``radius_mode`` and ``radius_c`` the radius (``LearnerSpec``).
    (seed, replication) select the coins.  A user's gate is ``GateSpec(kind="plugin", path=...)``
    (``sim.plugins``) or a ``rule``.  Raises ValueError for what the specs refuse, for a gate
    that needs the future, and for a gate that counts labels under a money budget.
    """

    def __init__(
        self,
        gate: GateSpec,
        T: int,
        *,
        d: int,
        B: int | None = None,
        beta: float | None = None,
        money: float | None = None,
        mean_cost: float | None = None,
        learner: LearnerSpec | None = None,
        seed: int = 0,
        replication: int = 0,
        rule: gates.Rule | None = None,
    ) -> None:
        self._money, self._unit = check_budget(gate, B, beta, money, mean_cost)
        if self._money:
            B = min(self._money // self._unit, T)
        if rule is None and gate.traits.foresees:
            raise ValueError(
                f"gate {gate.kind!r} outside the simulator: it needs the future or the label itself; "
                "it is a reference for simulated runs, give another gate"
            )
        k = learner or LearnerSpec()
        if k.feedback == "gold":  # one design vector a label: the same numbers, and no recorded file to name
            k = k.model_copy(update={"kind": "ridge", "feedback": "pair", "path": ""})
        self.spec = LiveSpec(T=T, B=budget_of(T, beta, B), d=d, gate=gate, learner=k, seed=seed)
        self.setup: GateSetup = gate_setup(gate, T, self.spec.B, d, k)
        if is_idle(self.setup):
            warnings.warn(idle_text(self.setup), stacklevel=2)
        self._given_rule = rule
        self._object: Any = None
        self._object, self._rule = rules.of(gate, self.setup, rule)
        self._replication = operator.index(replication)
        self._coins = draws.stream_keys(seed, replication)
        self._purse = gates.open_purse(self.setup)
        if self._money:
            self._purse = self._purse._replace(left=self._money / self._unit)
        self._t, self._spent, self._labels = 0, 0, 0
        self._waiting: tuple[gates.Signal, Decision, int, int] | None = None
        self.reasons: Counter[str] = Counter()

    @property
    def radius(self) -> float:
        """alpha_t of the round to come [reward], from the information settled so far."""
        return learners.radius(self.setup, self._purse.psi)

    @property
    def in_money(self) -> bool:
        """Whether the budget is in money, so that ``ask`` wants a cost."""
        return self._money > 0

    @property
    def left(self) -> float:
        """Labels left; under a money budget the money left, in mean-cost labels."""
        return self._purse.left + self._purse.coin_left

    @property
    def labels(self) -> int:
        """Labels bought so far."""
        return self._labels

    @property
    def spent(self) -> float:
        """Cost of the labels bought so far (0 under a label budget)."""
        return self._spent / MILLION

    @property
    def rounds(self) -> int:
        """Rounds settled so far."""
        return self._t

    @property
    def pending(self) -> Decision | None:
        """The decision that waits to be settled, if any."""
        return self._waiting[1] if self._waiting else None

    def ask(self, scores: Any, w2: float, cost: float | None = None) -> Decision:
        """Decide on a prompt with class scores (K,) [reward] and square width ``w2`` = ||x||_P^2.

        Raises ValueError for scores or widths that are not finite, LiveError out of order.
        """
        values = np.asarray(scores, dtype=np.float64)
        if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
            raise ValueError(f"scores = {scores!r}: one finite score a class is needed, shape (K,) with K >= 2")
        if not (np.isfinite(w2) and w2 >= 0.0):
            raise ValueError(f"w2 = {w2!r}: the square width ||x||_P^2 must be finite and not negative")
        return self.ask_view(leader.assess_classes(values, float(w2), self.radius), float(w2), cost)

    def ask_view(self, view: leader.View, w2: float, cost: float | None = None) -> Decision:
        """Decide from a comparison of two answers (``leader.assess``) and the square width ``w2`` of the design.

        Raises as ``ask`` does.
        """
        self._between_rounds()
        if not (np.isfinite(view).all() and np.isfinite(w2) and w2 >= 0.0):
            raise ValueError(f"view = {view}, w2 = {w2!r}: all must be finite and w2 = ||x||_P^2 not negative")
        price = self._price(cost)
        g, t = self.setup, self._t
        x = gates.signal(g, view, t, w2, gates.coin(g, self._coins, t), 0, 0.0)
        opened, reason, threshold = self._rule.decide(g, self._purse, x)
        if self._money and opened and price > self._money - self._spent:
            opened, reason = False, codes.OUT_OF_BUDGET
        decision = Decision(bool(opened), codes.REASONS[reason], float(threshold), t + 1, self.left, g.T - t)
        self._waiting = (x, decision, int(reason), price)
        return decision

    def settle(self, bought: bool, psi: float | None = None) -> None:
        """Close the round: was the label bought, and what does the learner know now (psi [nats])?

        A decision to buy may fall through (``bought`` False: the source had none); then the purse is
        as if the gate had stayed shut.  Without ``psi`` the round's gain is added for a bought label,
        which is exact for a ridge with one design vector a label.
        Raises LiveError out of order or for a label bought against the decision.
        """
        if self._waiting is None:
            raise LiveError(f"nothing to settle: ask round {self._t + 1} first")
        x, decision, reason, price = self._waiting
        if bought and not decision.open:
            raise LiveError(
                f"round {decision.round}: a label was bought though the gate stayed shut ({decision.reason}); "
                "buy only where decision.open, or the budget is not hard"
            )
        if decision.open and not bought:
            reason = codes.BELOW_THRESHOLD
        known = (self._purse.psi + x.gain if bought else self._purse.psi) if psi is None else rules.finite(psi)
        self._purse = self._rule.settle(self.setup, self._purse, x, reason, known)
        self._t, self._labels, self._waiting = self._t + 1, self._labels + bool(bought), None
        self.reasons[codes.REASONS[reason]] += 1
        if self._money:
            self._spent += price if bought else 0
            self._purse = self._purse._replace(left=(self._money - self._spent) / self._unit)

    def inform(self, psi: float) -> None:
        """Answers came in between two rounds and the learner now knows ``psi`` [nats]."""
        self._between_rounds()
        self._purse = self._purse._replace(psi=rules.finite(psi))

    def copy(self) -> "LiveGate":
        """An independent gate in the same state, to try decisions on; a ``rule`` is shared, not copied."""
        if self._object is not None:
            return LiveGate.restore(self.state())
        twin = copy.copy(self)
        twin._purse = self._purse._replace(memory=self._purse.memory.copy())
        twin.reasons = Counter(self.reasons)
        return twin

    def state(self) -> dict[str, Any]:
        """Everything that later decisions depend on, as plain JSON with a digest.

        Raises LiveError for a class of a user that has no state() or returns no plain JSON, and for a
        ``rule`` that did not keep the account of the budget (``saved.check``).
        """
        if self._object is not None and not hasattr(self._object, "state"):
            raise LiveError(
                f"{self.spec.gate.path}: class Gate has no state(); add state() and restore(dict) to save it"
            )
        state = states.sealed(self._entries())
        self._check(states.opened(state, rules.name(self._given_rule))[0])
        return state

    def _entries(self) -> dict[str, Any]:
        p, waiting = self._purse, None
        if self._waiting:
            x, decision, reason, price = self._waiting
            waiting = {"signal": list(x), "decision": [*decision[:2], repr(decision.threshold), *decision[3:]]}
            waiting |= {"reason": reason, "price": price}
        return {
            "version": states.VERSION,
            "spec": self.spec.model_dump(mode="json"),
            "key": self.spec.key(),
            "rule": rules.name(self._given_rule),
            "replication": self._replication,
            "money": self._money,
            "unit": self._unit,
            "spent": self._spent,
            "labels": self._labels,
            "t": self._t,
            "purse": [*p[:5], [float(v) for v in p.memory], *p[6:]],
            "reasons": dict(self.reasons),
            "object": self._object.state() if self._object is not None else None,
            "waiting": waiting,
        }

    @classmethod
    def restore(cls, state: dict[str, Any], rule: gates.Rule | None = None) -> "LiveGate":
        """The gate that ``state()`` described; one that was given by a ``rule`` needs it again.

        Raises LiveError where the state is damaged, of another version, of another rule, or of a
        gate whose file has changed since.
        """
        saved, spec = states.opened(state, rules.name(rule))
        try:
            gate = cls(
                spec.gate, spec.T, d=spec.d, B=spec.B, learner=spec.learner, seed=spec.seed,
                replication=saved.replication, rule=rule,
            )  # fmt: skip
            gate._check(saved)
        except ValueError as error:
            raise error if isinstance(error, LiveError) else LiveError(f"{error}; {states.WAY_OUT}") from error
        gate._fill(saved)
        return gate

    def _check(self, saved: states.Saved) -> None:
        coin = gates.coin(self.setup, self._coins, saved.t) if saved.t < self.setup.T else 1.0
        states.check(saved, self.spec, self.setup, coin)

    def _fill(self, saved: states.Saved) -> None:
        p = saved.purse
        self._purse = gates.Purse._make([*p[:5], np.array(p[5], dtype=np.float64), *p[6:]])
        self._money, self._unit, self._spent = saved.money, saved.unit, saved.spent
        self._t, self._labels = saved.t, saved.labels
        self.reasons = Counter(saved.reasons)
        if self._object is not None:
            try:
                self._object.restore(saved.object)
            except (AttributeError, LookupError, TypeError, ValueError) as error:
                raise LiveError(f"{self.spec.gate.path}: restore() refused its object ({error!r})") from error
        if saved.waiting:
            w, d = saved.waiting, saved.waiting.decision
            decision = Decision(d[0], d[1], float(d[2]), *d[3:])
            self._waiting = (gates.Signal(*w.signal), decision, w.reason, w.price)

    def _between_rounds(self) -> None:
        if self._waiting:
            raise LiveError(f"round {self._t + 1} is not settled; call settle(bought) before the next ask")
        if self._t >= self.setup.T:
            raise LiveError(f"all T = {self.setup.T} rounds are played; open a gate with a larger T")

    def _price(self, cost: float | None) -> int:
        if not self._money:
            if cost is not None:
                raise ValueError(f"cost = {cost!r} with a budget in labels; give money and mean_cost to pay by cost")
            return 0
        return self._unit if cost is None else in_millionths(cost, "cost")
