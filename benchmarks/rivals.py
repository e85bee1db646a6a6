"""What people would use instead: loops in NumPy, JAX and torch, and bandit libraries, as entries to time.

The arrays play the same game as ``ours`` (shared theta, fresh features of every arm).  The libraries play
what each of them offers; the note of an entry says what it does not do.  Whatever is not installed
is left out and listed by ``absent``.
"""

import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import harness
import numpy as np
from ours import ALPHA, Instance

REPLICATIONS = 64
MODULES = {
    "jax": "jax",
    "torch": "torch",
    "obp": "obp",
    "mabwiser": "mabwiser",
    "contextualbandits": "contextualbandits",
    "coba": "coba",
    "river": "river",
}
ONE_CONTEXT = "one context a round, a regression an arm (no features of arms, no shared theta)"
SECONDS = 0.15  # of a library's run, by calibration


def absent() -> list[str]:
    """Rivals that are not installed."""
    return [name for name, module in MODULES.items() if find_spec(module) is None]


def numpy_loop(X, Y) -> np.ndarray:
    """One replication, one round at a time, as one would write it by hand; returns theta (d,)."""
    d = X.shape[2]
    P, theta = np.eye(d), np.zeros(d)
    for Phi, rewards in zip(X, Y, strict=True):
        W = Phi @ P
        scores = Phi @ theta + ALPHA * np.sqrt(np.einsum("ki,ki->k", W, Phi))
        k = int(np.argmax(scores))
        z, Pz = Phi[k], W[k]
        shrink = 1.0 / (1.0 + z @ Pz)
        theta += Pz * ((rewards[k] - z @ theta) * shrink)
        P -= np.outer(Pz, Pz * shrink)
    return theta


def numpy_batch(X, Y) -> np.ndarray:
    """R replications at once: X (T, R, K, d), Y (T, R, K); returns theta (R, d)."""
    _, R, _, d = X.shape
    P, theta, row = np.tile(np.eye(d), (R, 1, 1)), np.zeros((R, d)), np.arange(R)
    for Phi, rewards in zip(X, Y, strict=True):
        W = Phi @ P
        scores = np.einsum("rki,ri->rk", Phi, theta) + ALPHA * np.sqrt(np.einsum("rki,rki->rk", W, Phi))
        k = np.argmax(scores, axis=1)
        z, Pz = Phi[row, k], W[row, k]
        shrink = 1.0 / (1.0 + np.einsum("ri,ri->r", z, Pz))
        residual = rewards[row, k] - np.einsum("ri,ri->r", z, theta)
        theta += Pz * (residual * shrink)[:, None]
        P -= Pz[:, :, None] * (Pz * shrink[:, None])[:, None, :]
    return theta


def torch_batch(X, Y):
    """The same in torch, on the device where X lies."""
    import torch

    _, R, _, d = X.shape
    P = torch.eye(d, dtype=X.dtype, device=X.device).repeat(R, 1, 1)
    theta, row = torch.zeros((R, d), dtype=X.dtype, device=X.device), torch.arange(R, device=X.device)
    for Phi, rewards in zip(X, Y, strict=True):
        W = torch.bmm(Phi, P)
        scores = torch.bmm(Phi, theta[:, :, None])[:, :, 0] + ALPHA * torch.sqrt((W * Phi).sum(2))
        k = scores.argmax(1)
        z, Pz = Phi[row, k], W[row, k]
        shrink = 1.0 / (1.0 + (z * Pz).sum(1))
        theta += Pz * ((rewards[row, k] - (z * theta).sum(1)) * shrink)[:, None]
        P -= Pz[:, :, None] * (Pz * shrink[:, None])[:, None, :]
    return theta


def jax_scan() -> Callable:
    """run(X (T, K, d), Y (T, K)) -> theta (d,), to be jitted or mapped."""
    import jax.numpy as jnp
    from jax import lax

    def round_of(state, given):
        (P, theta), (Phi, rewards) = state, given
        W = Phi @ P
        k = jnp.argmax(Phi @ theta + ALPHA * jnp.sqrt(jnp.sum(W * Phi, axis=1)))
        z, Pz = Phi[k], W[k]
        shrink = 1.0 / (1.0 + z @ Pz)
        theta = theta + Pz * ((rewards[k] - z @ theta) * shrink)
        return (P - jnp.outer(Pz, Pz * shrink), theta), None

    def run(X, Y):
        d = X.shape[2]
        return lax.scan(round_of, (jnp.eye(d, dtype=X.dtype), jnp.zeros(d, X.dtype)), (X, Y))[0][1]

    return run


def many(a: Instance, T: int, R: int = REPLICATIONS) -> tuple[np.ndarray, np.ndarray]:
    """(T, R, K, d) features and (T, R, K) rewards: R replications cut from one long one, repeated if it is short."""
    index = np.arange(T * R) % len(a.Y)
    return a.X[index].reshape(T, R, *a.X.shape[1:]), a.Y[index].reshape(T, R, a.Y.shape[1])


def array_entries(a: Instance, T: int, device: str = "cpu") -> list[harness.Entry]:
    """NumPy, JAX and torch on ``a``; the batches play T rounds of 64 replications."""
    X, Y = many(a, T)
    n, numpy = T * REPLICATIONS, harness.version("numpy")
    short = min(len(a.Y), 4000)
    entries = [
        harness.Entry("NumPy loop", short, lambda: lambda: numpy_loop(a.X[:short], a.Y[:short]), numpy),
        harness.Entry("NumPy, 64 replications", n, lambda: lambda: numpy_batch(X, Y), numpy),
    ]
    if find_spec("jax"):
        entries += jax_entries(a, X, Y)
    if find_spec("torch"):
        entries += torch_entries(X, Y, device)
    return entries


def jax_entries(a: Instance, X, Y) -> list[harness.Entry]:
    """scan, and scan under vmap over 64 replications, in both precisions, compiled and warm."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    one, batch = jax.jit(jax_scan()), jax.jit(jax.vmap(jax_scan(), in_axes=1))
    entries = []
    for kind in (jnp.float64, jnp.float32):
        name = np.dtype(kind).name
        given = [jnp.asarray(v, kind) for v in (a.X, a.Y)]
        wide = [jnp.asarray(v, kind) for v in (X, Y)]
        for title, run, data, rounds in (
            (f"JAX scan, {name}", one, given, len(a.Y)),
            (f"JAX scan + vmap of 64, {name}", batch, wide, X.shape[0] * X.shape[1]),
        ):
            entries.append(
                harness.Entry(
                    title, rounds, lambda run=run, data=data: lambda: run(*data).block_until_ready(), jax.__version__
                )
            )
    return entries


def torch_entries(X, Y, device: str) -> list[harness.Entry]:
    """The batch in torch: on a processor in CPU time, elsewhere in wall time and also for 4096 replications."""
    import torch

    torch.set_num_threads(1)
    clock = time.process_time if device == "cpu" else time.perf_counter
    note = "" if device == "cpu" else "wall time; a step is a dozen kernels launched from Python"
    entries = []
    for R in (REPLICATIONS,) if device == "cpu" else (REPLICATIONS, 4096):
        for kind in (torch.float64, torch.float32):
            copies = -(-R // X.shape[1])
            data = [torch.as_tensor(v, dtype=kind, device=device).repeat_interleave(copies, 1) for v in (X, Y)]

            def run(data=data) -> Any:
                answer = torch_batch(*data)
                return float(answer.sum())  # waits for the device

            title = f"torch {device}, {R} replications, {str(kind).removeprefix('torch.')}"
            entries.append(
                harness.Entry(title, X.shape[0] * R, lambda run=run: run, torch.__version__, note, clock)  # type: ignore[misc]
            )
    return entries


def obp_player(K: int, d: int) -> Callable:
    from obp.policy import LinUCB

    policy = LinUCB(dim=d, n_actions=K, epsilon=ALPHA)

    def play(Phi, rewards) -> None:
        k = int(policy.select_action(Phi[:1])[0])
        policy.update_params(action=k, reward=rewards[k], context=Phi[:1])

    return play


def mabwiser_player(K: int, d: int) -> Callable:
    from mabwiser.mab import MAB, LearningPolicy

    bandit = MAB(list(range(K)), LearningPolicy.LinUCB(alpha=ALPHA, l2_lambda=1.0))
    bandit.fit(list(range(K)), [0.0] * K, np.zeros((K, d)))

    def play(Phi, rewards) -> None:
        k = bandit.predict(Phi[:1])
        bandit.partial_fit([k], [rewards[k]], Phi[:1])

    return play


def contextualbandits_player(K: int, d: int) -> Callable:
    from contextualbandits.online import LinUCB

    policy = LinUCB(nchoices=K, alpha=ALPHA, fit_intercept=False, use_float=False, method="sm", njobs=1)
    policy.fit(np.zeros((K, d)), np.arange(K), np.zeros(K))

    def play(Phi, rewards) -> None:
        k = policy.predict(Phi[:1]).astype(int)
        policy.partial_fit(Phi[:1], k, rewards[k])

    return play


def coba_player(K: int, d: int) -> Callable:
    from coba.learners import LinUCBLearner

    learner = LinUCBLearner(alpha=ALPHA, features=["a"])

    def play(Phi, rewards) -> None:
        actions = [tuple(row) for row in Phi.tolist()]
        action, chance = learner.predict(None, actions)
        learner.learn(None, action, float(rewards[actions.index(action)]), chance)

    return play


def river_player(K: int, d: int) -> Callable:
    from river import bandit

    policy, arms = bandit.LinUCBDisjoint(alpha=1.0, beta=1.0, seed=0), list(range(K))

    def play(Phi, rewards) -> None:
        context = dict(enumerate(Phi[0].tolist()))
        k = policy.pull(arms, context=context)
        policy.update(k, context, float(rewards[k]))

    return play


LIBRARIES: dict[str, tuple[Callable[[int, int], Callable], str]] = {
    "obp": (obp_player, f"LinUCB (Woodbury): {ONE_CONTEXT}; every theta anew each round"),
    "mabwiser": (mabwiser_player, f"LinUCB: {ONE_CONTEXT}; inverts V at every update"),
    "contextualbandits": (contextualbandits_player, f"LinUCB (Sherman-Morrison): {ONE_CONTEXT}"),
    "coba": (coba_player, "LinUCBLearner, features ['a']: the same game; takes tuples, breaks ties by lot"),
    "river": (river_player, f"LinUCBDisjoint: {ONE_CONTEXT}; dictionaries, no choice of the radius"),
}


def library_entries(a: Instance) -> list[harness.Entry]:
    """The libraries that are installed; rounds such that a run takes about SECONDS."""
    _, K, d = a.X.shape
    entries = []
    for name, (player, note) in LIBRARIES.items():
        if find_spec(MODULES[name]):
            rounds = calibrate(a, player(K, d))

            def fresh(player=player, rounds=rounds) -> Callable[[], None]:
                play = player(K, d)
                return lambda: through(a, play, rounds)

            entries.append(harness.Entry(name, rounds, fresh, harness.version(name), note))
    return entries


def through(a: Instance, play: Callable, rounds: int) -> None:
    """Play the first rounds of an instance."""
    for t in range(rounds):
        play(a.X[t], a.Y[t])


def calibrate(a: Instance, play: Callable, probe: int = 8) -> int:
    """Rounds that take about SECONDS, between 8 and the instance's."""
    through(a, play, probe)
    start = time.process_time()
    through(a, play, probe)
    each = (time.process_time() - start) / probe
    return int(min(max(SECONDS / max(each, 1e-9), probe), len(a.Y)))
