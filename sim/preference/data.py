"""The linear preference model: who prefers what, and every random number of a run.

Pairs x ~ N(0, I_d), x = features of response A minus response B; P(A preferred) = sigma(theta*^T x)
with ||theta*|| = snr.  An oriented pair z is x or -x, winner minus loser.  A policy theta has margin
theta^T x against the reference theta = 0, picks A iff it is positive, and is judged on the noise-free
label probabilities: its accuracy has no sampling error beyond the held-out pairs.

Features come from np.random.default_rng([seed, replication, role]) and uniforms from [..., role, 1],
so all methods and gates of a replication see the same pairs, labels, flips and coins.
"""

from typing import Annotated, NamedTuple

import numpy as np
from pydantic import AfterValidator, model_validator

from sim.fields import Count, Index, NonNegative, Positive, Share, Spec, bounded, one_of
from sim.preference.losses import binary_entropy, logistic, sigmoid
from sim.rules import gates

METHODS = ("dpo", "self_L0", "L1", "L2", "L3", "feature", "spa", "rdpo", "dr_dpo", "kldpo")
BUYERS = ("dpo", "self_L0", "L3")  # the methods that are also played with a gate
GATES = tuple(t.name for t in gates.TRAITS if t.name in gates.GATES and t.name != "never" and not t.foresees)

THETA, SEED, HELD_OUT, ROUND = 0, 1, 2, 10  # roles; round t has the role ROUND + t


def _each(what: str, valid: tuple[str, ...]) -> AfterValidator:
    """Validator: every name of a tuple is in ``valid``."""
    check = one_of(what, valid).func
    return AfterValidator(lambda names: tuple(check(name) for name in names))  # type: ignore[call-arg]


class PreferenceSpec(Spec):
    """One configuration of the self-annotation loop.

    N       seed labels (>= 2); flip: share of the annotator's labels, seed or bought, that is wrong
    rounds  pairs of each self-annotation round
    eps, tau  the follower's radius and window margin (margin units); for "feature" eps is the radius on
            pairs, for "L2" on sigma(xi)
    prox    weight of ||theta - theta_t||^2 / 2 in a round; ridge: of ||theta||^2 / 2 on true labels
    gates, B  gates that may buy B true labels of the rounds' pairs, played for BUYERS besides no gate at all
    held_out  pairs of the judge
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
    """x (n, d); clean labels y (n,) in {0, 1}; ``flip`` and ``coin`` (n,) uniforms for flips and gates."""

    x: np.ndarray
    y: np.ndarray
    flip: np.ndarray
    coin: np.ndarray


class Score(NamedTuple):
    """Clean held-out accuracy, log loss [nats], and its excess over theta*'s (``regret``, >= 0 but for sampling)."""

    accuracy: float
    loss: float
    regret: float


def theta_star(spec: PreferenceSpec, replication: int) -> np.ndarray:
    """theta* (d,): uniform direction, norm snr."""
    u = np.random.default_rng([spec.seed, replication, THETA]).normal(size=spec.d)
    return spec.snr * u / np.linalg.norm(u)


def sample(spec: PreferenceSpec, replication: int, role: int, n: int) -> Pairs:
    """n pairs of a role with their labels and coins; the first rows do not depend on n."""
    key = [spec.seed, replication, role]
    x = np.random.default_rng(key).normal(size=(n, spec.d))
    label, flip, coin = np.random.default_rng([*key, 1]).random((n, 3)).T
    y = (label < sigmoid(x @ theta_star(spec, replication))).astype(np.int64)
    return Pairs(x, y, flip, coin)


def oriented(x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Z (n, d), winner minus loser: x where the label is 1, -x where it is 0; ValueError on other labels."""
    x, labels = np.asarray(x, dtype=float), np.asarray(labels)
    if labels.shape != x.shape[:1] or not np.isin(labels, (0, 1)).all():
        raise ValueError("labels must be 0 or 1, one a pair: 1 says that the first response is preferred")
    return np.where(labels == 1, 1.0, -1.0)[:, None] * x


def labelled(spec: PreferenceSpec, pairs: Pairs) -> np.ndarray:
    """Z (n, d) as the annotator labels the pairs, flips included; a larger ``flip`` flips a superset."""
    return oriented(pairs.x, np.where(pairs.flip < spec.flip, 1 - pairs.y, pairs.y))


def seed_pairs(spec: PreferenceSpec, replication: int) -> np.ndarray:
    """The N labelled pairs Z (N, d)."""
    return labelled(spec, sample(spec, replication, SEED, spec.N))


def judge(spec: PreferenceSpec, replication: int, theta: np.ndarray) -> Score:
    """Score theta (d,) on the held-out pairs, by their label probabilities; a zero margin counts half."""
    x = sample(spec, replication, HELD_OUT, spec.held_out).x
    truth, xi = x @ theta_star(spec, replication), x @ theta
    loss = sigmoid(truth) * logistic(xi) + sigmoid(-truth) * logistic(-xi)
    best = binary_entropy(sigmoid(truth)).mean()
    return Score(float(sigmoid(truth * np.sign(xi)).mean()), float(loss.mean()), float(loss.mean() - best))
