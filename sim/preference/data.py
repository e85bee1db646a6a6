"""The linear preference model: who prefers what, and every random number of a run.

Pairs x ~ N(0, I_d), x = features of response A minus response B; A is preferred with probability
sigma(theta*^T x), ||theta*|| = snr.  An oriented pair z is x or -x, winner minus loser.  A policy
theta has the margin theta^T x (its reference policy is theta = 0) and picks A iff that is
positive.  Its score is an expectation over labels, so the only sampling error is in the held-out pairs.

Features come from np.random.default_rng([seed, replication, role]) and uniforms from
[..., role, 1], so all methods and gates of a replication see the same pairs, labels, flips and coins.
"""

from functools import lru_cache
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import AfterValidator, model_validator

from sim.fields import Count, Index, NonNegative, Positive, Share, Spec, bounded, one_of
from sim.preference.losses import binary_entropy, logistic, sigmoid
from sim.rules import gates

METHODS = ("dpo", "ridge", "self_L0", "L1", "L2", "L3", "feature", "spa", "rdpo", "dr_dpo", "kldpo")
BUYERS = ("dpo", "self_L0", "L3")  # the methods that are also played with a gate
GATES = tuple(t.name for t in gates.TRAITS if t.name in gates.GATES and t.name != "never" and not t.foresees)

THETA, SEED, HELD_OUT, ROUND = 0, 1, 2, 10  # roles; round t has the role ROUND + t


def _each(what: str, valid: tuple[str, ...]) -> AfterValidator:
    """Validator: every name of a tuple is in ``valid``."""
    check = one_of(what, valid).func
    return AfterValidator(lambda names: tuple(check(name) for name in names))  # type: ignore[call-arg]


class PreferenceSpec(Spec):
    """One configuration of the self-annotation loop.

    N, d      seed labels (at least 2), feature dimension;  snr = ||theta*||
    flip      share of the annotator's labels, seed or bought, that is wrong
    rounds    number of new pairs in each self-annotation round
    eps, tau  the follower's radius and window margin (margin units); for method "feature" eps is the
              radius on pairs, for "L2" it is in units of sigma(xi)
    prox      weight of ||theta - theta_t||^2 / 2 in a round;  ridge  of ||theta||^2 / 2 on true labels
    methods   what is compared, see ``steps``; "ridge" takes its weight from eps too
    gates, B  gates that may buy B true labels of the rounds' pairs, for the methods in BUYERS
    held_out  number of pairs on which policies are scored;  seed  the seed set
    """

    N: Annotated[Count, bounded(2)] = 50
    d: Count = 10
    snr: Positive = 1.5
    flip: Share = 0.0
    rounds: tuple[Count, ...] = (400, 1000, 1500)
    eps: NonNegative = 0.05
    tau: NonNegative = 0.05
    prox: Positive = 1.0
    ridge: Positive = 1e-3
    methods: Annotated[tuple[str, ...], _each("method", METHODS)] = METHODS
    gates: Annotated[tuple[str, ...], _each("gate", GATES)] = ()
    B: Index = 0
    held_out: Count = 4000
    seed: Index = 0

    @model_validator(mode="after")
    def _consistent(self) -> "PreferenceSpec":
        if bool(self.gates) != bool(self.B):
            raise ValueError(
                f"gates = {self.gates} with B = {self.B}: a gate needs a budget B >= 1, and a budget a gate"
            )
        if sum(self.rounds) < self.B:
            raise ValueError(
                f"B = {self.B} > {sum(self.rounds)} pairs of all rounds: give a smaller B or longer rounds"
            )
        if min(self.rounds, default=2) < 2:
            raise ValueError(f"rounds = {self.rounds}: a round needs at least two pairs")
        if "rdpo" in self.methods and self.flip >= 0.5:
            raise ValueError(f"flip = {self.flip:g} with method 'rdpo': it needs a flip rate below 1/2")
        return self


REGULAR = PreferenceSpec(N=200, snr=1.5)
NOISY = PreferenceSpec(N=200, snr=0.5)
NEAR_SEPARABLE = PreferenceSpec(N=60, d=5, snr=12.0)  # half of the draws are separable; at d = 10 nearly all are


class Pairs(NamedTuple):
    """n pairs: x (n, d), clean labels y (n,) in {0, 1}, and uniforms (n,) that decide on a ``flip`` of the
    label and serve a gate as its ``coin``.
    """

    x: np.ndarray
    y: np.ndarray
    flip: np.ndarray
    coin: np.ndarray


class Score(NamedTuple):
    """A policy on the held-out pairs: accuracy, log loss [nats], both for clean labels, and ``regret``, the
    loss beyond theta*'s [nats] (>= 0 up to sampling).
    """

    accuracy: float
    loss: float
    regret: float


def theta_star(spec: PreferenceSpec, replication: int) -> np.ndarray:
    """The true parameter of a replication, (d,): uniform direction, norm spec.snr."""
    u = np.random.default_rng([spec.seed, replication, THETA]).normal(size=spec.d)
    return spec.snr * u / np.linalg.norm(u)


def _features(seed: int, replication: int, role: int, n: int, d: int) -> np.ndarray:
    return np.random.default_rng([seed, replication, role]).normal(size=(n, d))


def sample(spec: PreferenceSpec, replication: int, role: int, n: int) -> Pairs:
    """n pairs with their labels and uniforms; ``role`` is SEED, HELD_OUT or ROUND + t for round t.

    A larger n adds rows and leaves the first ones as they are.
    """
    x = _features(spec.seed, replication, role, n, spec.d)
    label, flip, coin = np.random.default_rng([spec.seed, replication, role, 1]).random((n, 3)).T
    y = (label < sigmoid(x @ theta_star(spec, replication))).astype(np.int64)
    return Pairs(x, y, flip, coin)


def oriented(x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Pairs winner minus loser, Z (n, d): x where the label is 1, -x where it is 0.

    Raises ValueError unless there is one label, 0 or 1, for each row of x (n, d).
    """
    x, labels = np.asarray(x, dtype=float), np.asarray(labels)
    if labels.shape != x.shape[:1] or not np.isin(labels, (0, 1)).all():
        raise ValueError("labels must be 0 or 1, one a pair: 1 says that the first response is preferred")
    return np.where(labels == 1, 1.0, -1.0)[:, None] * x


def labelled(spec: PreferenceSpec, pairs: Pairs) -> np.ndarray:
    """Oriented pairs Z (n, d) as the annotator labels them, with wrong labels where a pair's flip < spec.flip.

    So a larger share of wrong labels contains the smaller one.
    """
    return oriented(pairs.x, np.where(pairs.flip < spec.flip, 1 - pairs.y, pairs.y))


def seed_pairs(spec: PreferenceSpec, replication: int) -> np.ndarray:
    """The N labelled pairs with which a replication begins, oriented, Z (N, d)."""
    return labelled(spec, sample(spec, replication, SEED, spec.N))


@lru_cache(maxsize=1)  # all methods and rounds of a replication are scored on the same pairs
def _held_out(seed: int, replication: int, n: int, d: int) -> np.ndarray:
    """Features (n, d) of the pairs on which policies are scored; read-only, as they are shared."""
    x = _features(seed, replication, HELD_OUT, n, d)
    x.flags.writeable = False
    return x


def judge(spec: PreferenceSpec, replication: int, theta: np.ndarray) -> Score:
    """Score the policy theta (d,) on the held-out pairs by their label probabilities; a zero margin counts half."""
    x = _held_out(spec.seed, replication, spec.held_out, spec.d)
    truth, xi = x @ theta_star(spec, replication), x @ theta
    loss = sigmoid(truth) * logistic(xi) + sigmoid(-truth) * logistic(-xi)
    best = binary_entropy(sigmoid(truth)).mean()
    return Score(float(sigmoid(truth * np.sign(xi)).mean()), float(loss.mean()), float(loss.mean() - best))
