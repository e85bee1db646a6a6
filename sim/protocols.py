"""The types of a user's gate, follower or learner, for a type checker or an editor; nothing here runs.

Write ``_: Query = query`` under ``if TYPE_CHECKING:`` in your file and the editor says what does not fit.
``sim.plugins`` says what the parts mean.
"""

from typing import Any, Protocol

import numpy as np

from sim.rules.gates import Purse, Signal
from sim.setup import GateSetup, Setup


class Query(Protocol):
    """query(game, purse, signal): True asks for this round's label.  Pure."""

    def __call__(self, game: GateSetup, purse: Purse, signal: Signal, /) -> bool: ...


class Update(Protocol):
    """update(game, purse, signal, bought): after the decision; may write purse.memory in place."""

    def __call__(self, game: GateSetup, purse: Purse, signal: Signal, bought: bool, /) -> None: ...


class Latency(Protocol):
    """latency(game, purse, signal): a bound on this round's regret [reward], claimed before the label."""

    def __call__(self, game: GateSetup, purse: Purse, signal: Signal, /) -> float: ...


class Gate(Protocol):
    """The same as an object, one a run: ``class Gate`` with __init__(game)."""

    def query(self, purse: Purse, signal: Signal, /) -> bool: ...

    def update(self, purse: Purse, signal: Signal, bought: bool, /) -> None: ...

    def state(self) -> dict[str, Any]: ...

    def restore(self, state: dict[str, Any], /) -> None: ...


class Respond(Protocol):
    """Free game: write z (d,) with ||z|| <= L in place; theta_hat, theta_star (d,), P (d, d) are copies."""

    def __call__(
        self, game: Setup, t: int, theta_hat: np.ndarray, P: np.ndarray, theta_star: np.ndarray, z: np.ndarray, /
    ) -> None: ...


class Choose(Protocol):
    """Pool: write M different indices beside ``gold`` into others (M,); scores, payoffs (N,) are copies."""

    def __call__(
        self, game: Setup, scores: np.ndarray, payoffs: np.ndarray, gold: int, others: np.ndarray, /
    ) -> None: ...


class Learner(Protocol):
    """K classes, features x (m,): ``class Learner`` with __init__(m, K, lam)."""

    def predict(self, x: np.ndarray, /) -> tuple[np.ndarray, float]: ...

    def update(self, x: np.ndarray, one_hot: np.ndarray, /) -> None: ...
