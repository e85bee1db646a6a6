"""The leader's problem as a Gymnasium environment: see what a gate may know, buy the label or not.

An episode is one run of a ``RunSpec``, T rounds.  Action 1 buys the round's label.  The reward is minus the round's
regret, which that label does not change: labels cost nothing, but there are only B, and they pay off in later rounds.
Buying with no label left buys nothing and is reported (``info["refused"]``).  ``reset(seed=n)`` plays replication
n of the spec's seed; without a seed the replication is drawn from the environment's generator.

Observation (``COLUMNS``), float64: what ``gates.Signal`` holds, the information bought, and, with
``purse`` True, the shares of labels and rounds that are left.  ``info["signal"]`` is the signal itself and
``info["gate_opens"]`` what the spec's gate would do, for imitation and as a baseline.
"""

from typing import Any

import numpy as np

from sim.adapters import episode
from sim.setup import information
from sim.spec import RunSpec

try:
    import gymnasium
except ImportError as error:
    raise ImportError('gymnasium is missing; pip install "budgeted-stackelberg[adapters]"') from error

ENV_ID = "budgeted_stackelberg/Leader-v0"
COLUMNS = ("latency", "width", "gain", "gap", "certified", "psi")
PURSE = ("labels_left", "rounds_left")
LARGE = 1e12  # stands for infinity in the observation space: a fixed or scaled radius bounds no latency


def register() -> None:
    """Make ``gymnasium.make(ENV_ID, spec=...)`` work; a second call changes nothing."""
    if ENV_ID not in gymnasium.registry:
        gymnasium.register(ENV_ID, entry_point="sim.adapters.gym:LeaderEnv")


class LeaderEnv(gymnasium.Env[np.ndarray, int]):
    """The environment of a spec (a RunSpec or the keyword arguments of one, as a dict).

    Raises ValueError for a spec that RunSpec refuses or whose gate looks ahead.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012

    def __init__(self, spec: RunSpec | dict[str, Any] | None = None, purse: bool = True, render_mode: None = None):
        self.run = spec if isinstance(spec, RunSpec) else RunSpec.model_validate(spec or {})
        episode.check(self.run)
        self.render_mode = render_mode
        self._purse = purse
        k, d = self.run.learner, self.run.stream.d
        widest = 2.0 * k.L / np.sqrt(k.lam)
        deepest = information(self.run.T, d, k.lam, k.L, max(self.run.N, 2)) if not self.run.stream.path else LARGE
        high = [LARGE, widest, np.log1p(widest**2), LARGE, 1.0, deepest, 1.0, 1.0]
        n = len(COLUMNS) + (len(PURSE) if purse else 0)
        low = [0.0, 0.0, 0.0, -LARGE, 0.0, 0.0, 0.0, 0.0]
        self.observation_space = gymnasium.spaces.Box(np.array(low[:n]), np.array(high[:n]), dtype=np.float64)
        self.action_space = gymnasium.spaces.Discrete(2)  # type: ignore[assignment]
        self.replication = 0
        self._episode: episode.Episode | None = None
        self._question: episode.Question | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Begin an episode; returns (observation, info)."""
        super().reset(seed=seed)
        self.replication = int(self.np_random.integers(2**31)) if seed is None else int(seed)
        self._episode = episode.open_episode(self.run, self.replication)
        self._question = next(self._episode)
        self._left, self._labels, self._regret = self.run.budget, 0, 0.0
        return self._observation(), self._info(False)

    def step(self, action: int):
        """Buy (1) or not (0); returns (observation, reward, terminated, truncated, info)."""
        if self._question is None or self._episode is None:
            raise ValueError("the episode is over or has not begun; call reset() first")
        if not self.action_space.contains(action):
            raise ValueError(f"action = {action!r}; the rule is 0 (do not buy) or 1 (buy the label)")
        wanted, played = bool(action), self._question
        bought = wanted and self._left > 0
        self._left, self._labels = self._left - bought, self._labels + bought
        self._regret += played.regret
        try:
            self._question = self._episode.send(bought)
        except StopIteration:
            self._question = None
        return self._observation(), -played.regret, self._question is None, False, self._info(wanted and not bought)

    def _observation(self) -> np.ndarray:
        """What is known before the next label; zeros where no round is left."""
        q, T = self._question, self.run.T
        if q is None:
            return np.zeros(self.observation_space.shape)  # type: ignore[arg-type]
        x = q.signal
        values = [x.latency, x.width, x.gain, x.gap, float(x.certified), q.psi]
        if self._purse:
            values += [self._left / self.run.budget, (T - x.t) / T]
        return np.array(values, dtype=np.float64)

    def _info(self, refused: bool) -> dict[str, Any]:
        q = self._question
        return {
            "refused": refused,
            "labels": self._labels,
            "labels_left": self._left,
            "regret": float(self._regret),
            "replication": self.replication,
            "signal": {} if q is None else q.signal._asdict(),
            "gate_opens": False if q is None else q.opens,
        }
