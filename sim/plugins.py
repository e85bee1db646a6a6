"""A user's gate, follower or learner: plain functions in a file of theirs, nothing to edit here.

Gate, as functions (compiled where Numba can, else played in the plain loop):
    query(game, purse, signal) -> bool               True asks for this round's label
    update(game, purse, signal, bought) -> None      optional; may write purse.memory
    latency(game, purse, signal) -> float            optional; claims a bound on this round's regret
    MEMORY = n                                       optional; floats in purse.memory, 0 at the start
or as ``class Gate`` (plain loop; one object a run):
    __init__(game); query(purse, signal) -> bool; update(purse, signal, bought);
    latency(purse, signal), if it claims a bound; state() -> dict and restore(dict), to resume a run
Follower:
    respond(game, t, theta_hat, P, theta_star, z)    writes z (d,) with ||z|| <= L   (context free)
    choose(game, scores, payoffs, gold, others)      writes M pool indices           (other contexts)
Learner (a recorded stream; plain loop):
    class Learner: __init__(m, K, lam); predict(x) -> (scores (K,), ||x||_P^2); update(x, one_hot)
``game`` is ``setup.Setup`` (outside the simulator ``setup.GateSetup``), ``purse`` ``rules.gates.Purse``,
``signal`` ``rules.gates.Signal``.  A query must not change anything: the evader asks it about vectors
that it then does not show.  Functions of the file may call other functions of the file.  With ``coin_share``
> 0 (``rules.insurance``) the gate sees B and ``left`` of its own purse, psi of all labels (psi - coin_psi of its
own), and ``bought`` is whether its own purse paid.
``sim.sources`` says where a file may come from.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np

from sim.rules import codes, followers, gates, insurance, learners
from sim.sources import Compiler, PluginError, load

GATE, FOLLOWER, LEARNER = "gate", "follower", "learner"
ASKED = {
    GATE: "a function query(game, purse, signal) or a class Gate",
    FOLLOWER: "a function respond(game, t, theta_hat, P, theta_star, z) or choose(game, scores, payoffs, gold, others)",
    LEARNER: "a class Learner with predict(x) and update(x, one_hot)",
}
NAMES = {GATE: ("query", "Gate"), FOLLOWER: ("respond", "choose"), LEARNER: ("Learner",)}
TOO_LONG = "respond wrote a vector that is not finite or longer than L"
BAD_SHOWN = "choose wrote an index twice, outside the pool, or the gold response"
SLACK = 1e-9


def kinds(source: str) -> tuple[str, ...]:
    """What a source brings: any of 'gate', 'follower', 'learner'."""
    module = load(source)
    return tuple(kind for kind, names in NAMES.items() if any(hasattr(module, name) for name in names))


def part(source: str, kind: str, compiler: Compiler | None = None) -> ModuleType:
    """The module, checked to bring a ``kind``; its functions compiled with a ``compiler``."""
    module = load(source, compiler)
    if not any(callable(getattr(module, name, None)) for name in NAMES[kind]):
        raise PluginError(f"{source} brings no {kind}: it must define {ASKED[kind]}")
    return module


def memory(source: str) -> int:
    """How many floats a gate keeps between rounds (its MEMORY, at least 1)."""
    size = getattr(part(source, GATE), "MEMORY", 1)
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise PluginError(f"{source}: MEMORY = {size!r}; the rule is an integer of at least 1")
    return size


def compilable(source: str, kind: str) -> bool:
    """Whether the part is made of functions, which Numba may compile (a class is played plainly)."""
    return kind != LEARNER and not hasattr(part(source, kind), "Gate")


def gate(source: str, g: Any, compiler: Compiler | None = None) -> gates.Rule:
    """The gate's rule; a ``compiler`` compiles its functions.  A class makes a fresh object a call."""
    module = part(source, GATE, compiler)
    if hasattr(module, "Gate"):
        return rule_of_object(module.Gate(g))
    return _rule(module, compiler)


@lru_cache(maxsize=64)
def _rule(module: ModuleType, compiler: Compiler | None) -> gates.Rule:
    nothing = compiler(_nothing) if compiler else _nothing
    return rule_of(module.query, getattr(module, "update", nothing))


def _nothing(g, p, x, bought):
    """A gate without a memory."""
    return


def rule_of(query: Callable, update: Callable = _nothing) -> gates.Rule:
    """A gate's rule from its two functions.  The hard cap and a coin beside it are the game's."""

    def decide(g, p, x):
        by_coin, x = gates.toss(g, p, x)
        if by_coin:
            return True, codes.FORCED, 0.0
        asked = query(g, p, x)
        if g.cap and p.left <= 0:
            return False, codes.OUT_OF_BUDGET, 0.0
        if asked:
            return True, codes.OPENED, 0.0
        return False, codes.BELOW_THRESHOLD, 0.0

    def settle(g, p, x, reason, psi):
        own = reason == codes.OPENED and not insurance.pays(g, p, x, reason)
        update(g, p, gates.toss(g, p, x)[1], own)
        return gates.settle(g, p, x, reason, psi)

    return gates.Rule(decide, settle)


def rule_of_object(gate: Any) -> gates.Rule:
    """A gate's rule from an object with query and, if it has one, update."""
    update = getattr(gate, "update", lambda purse, signal, bought: None)
    return rule_of(
        lambda game, purse, signal: gate.query(purse, signal),
        lambda game, purse, signal, bought: update(purse, signal, bought),
    )


def follower(source: str, free: bool, compiler: Compiler | None = None) -> Callable:
    """respond (free game) or choose (pool) with the signature that ``rounds`` calls."""
    return _follower(part(source, FOLLOWER, compiler), source, free)


@lru_cache(maxsize=64)
def _follower(module: ModuleType, source: str, free: bool) -> Callable:
    name = "respond" if free else "choose"
    if not callable(getattr(module, name, None)):
        here, other = ("free", "a pool context") if free else ("of a pool", "context 'free'")
        raise PluginError(f"{source} defines no {name}, which a game {here} asks for; add it or play it in {other}")
    return responder(module.respond) if free else chooser(module.choose)


def responder(play: Callable) -> Callable:
    """A free follower from its function; raises ValueError for a vector outside the ball."""

    def respond(g, keys, t, s, p, alpha, theta_star, scheduled, w, decide):
        for i in range(g.d):
            w.z[i] = 0.0
        play(g, t, s.theta[:, 0].copy(), s.P.copy(), theta_star.copy(), w.z)
        if not math.sqrt(learners.dot(w.z, w.z)) <= g.L * (1.0 + SLACK):
            raise ValueError(TOO_LONG)

    return respond


def chooser(play: Callable) -> Callable:
    """A pool follower from its function; raises ValueError for a set that cannot be shown."""

    def choose(g, scores, payoffs, gold, keys, shown):
        others = np.zeros(g.M, dtype=np.int64)
        play(g, scores.copy(), payoffs.copy(), gold, others)
        for i in range(g.M):
            bad = others[i] < 0 or others[i] >= scores.shape[0] or others[i] == gold
            for j in range(i):
                bad = bad or others[j] == others[i]
            if bad:
                raise ValueError(BAD_SHOWN)
            shown[i] = others[i]
        shown[g.M] = gold
        followers.ascend(shown)

    return choose


class PluginLearner:
    """A user's learner as the loop wants one: it adds the information bought, psi [nats]."""

    def __init__(self, source: str, m: int, K: int, lam: float) -> None:
        self._inner = part(source, LEARNER).Learner(m, K, lam)
        self._source, self._K, self._w2 = source, K, 0.0
        self._s = learners.start(1, K, lam)

    def predict(self, x: np.ndarray) -> tuple[np.ndarray, float]:
        """Scores (K,) and square width of a row x (m,). Raises PluginError for what is neither."""
        scores, w2 = self._inner.predict(x)
        scores, self._w2 = np.asarray(scores, dtype=np.float64), float(w2)
        if scores.shape != (self._K,) or not np.isfinite(scores).all() or not (math.isfinite(w2) and w2 >= 0.0):
            raise PluginError(
                f"{self._source}: predict returned scores of shape {scores.shape} and width^2 = {w2:g}; "
                f"the rule is {self._K} finite scores and a finite width^2 >= 0"
            )
        return scores, self._w2

    def update(self, x: np.ndarray, one_hot: np.ndarray) -> None:
        """Learn a bought label one_hot (K,) of row x (m,)."""
        self._inner.update(x, one_hot)
        s, w2 = self._s, self._w2
        self._s = s._replace(
            psi=s.psi + math.log1p(w2),
            potential=s.potential + w2,
            wide=s.wide + (1 if w2 >= learners.WIDE else 0),
            n=s.n + 1,
        )

    def state(self) -> learners.Ridge:
        """psi, potential, wide and n; its arrays are placeholders."""
        return self._s

    def accuracy(self, X: np.ndarray, y: np.ndarray) -> float:
        """Share of held-out rows X (n, m) whose best class is y (n,)."""
        if not len(y):
            return math.nan
        return float(np.mean([int(np.argmax(self._inner.predict(x)[0])) == k for x, k in zip(X, y, strict=True)]))
