"""Steps of the proofs that are algebra, as statements for all real numbers.

A ``Statement`` is built from plain operators, so a builder takes doubles (its parts are then truth values) as well
as the reals of the solver z3, which ``counterexample`` asks for a choice of the arguments that satisfies every
premise and breaks the conclusion.  None means: there is none, the statement is proved.  z3 comes with the extra
``dev`` and is imported by ``counterexample`` alone.

Not proved here: that the scalars of ``energy_scalars`` are those of the learner in every dimension (Sherman and
Morrison's formula; ``energy_matrix`` proves it from the normal equations for d = 1 and 2), and lemma 0.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from theory.studies.nonmyopic import energy_step

STEPS = 50_000_000  # of z3's own count, so that the answer does not depend on the machine; 700,000 are needed


class Statement(NamedTuple):
    """For all reals: where every premise holds, every conclusion holds."""

    premises: tuple[Any, ...]
    conclusions: tuple[Any, ...]


def counterexample(builder: Callable[..., Statement], steps: int = STEPS) -> dict[str, str] | None:
    """Arguments of ``builder`` that satisfy the premises and break a conclusion, by name; None if there are none.

    Raises ImportError without z3, ValueError for premises that contradict each other, RuntimeError where z3 finds
    neither a proof nor an example within ``steps``.
    """
    import z3

    arguments = {name: z3.Real(name) for name in inspect.signature(builder).parameters}
    statement = builder(**arguments)
    solver = z3.Solver()
    solver.set("rlimit", steps)
    solver.add(*statement.premises)
    if solver.check() != z3.sat:
        raise ValueError(f"{builder.__name__}: no numbers satisfy the premises, so it says nothing; weaken them")
    solver.add(z3.Not(z3.And(*statement.conclusions)))
    answer = solver.check()
    if answer == z3.unsat:
        return None
    if answer == z3.unknown:
        raise RuntimeError(f"{builder.__name__}: z3 decides nothing in {steps} steps ({solver.reason_unknown()})")
    model = solver.model()
    return {name: str(model.eval(value, model_completion=True)) for name, value in arguments.items()}


def energy_scalars(Phi: Any, r: Any, w2: Any, eta: Any) -> Statement:
    """A bought label moves Phi = ||e||_V^2, e = theta_hat - theta*, by ``nonmyopic.energy_step``, in any dimension.

    Sherman and Morrison: e' = e + g P z with g = (eta - r)/(1 + w2), r = <e, z>, w2 = <z, P z>.  So <e', V e'> =
    Phi + 2 g r + g^2 w2 and <e', z> = r + g w2, and Phi' = <e', V e'> + <e', z>^2.
    """
    g = (eta - r) / (1 + w2)
    after = Phi + 2 * g * r + g * g * w2 + (r + g * w2) * (r + g * w2)
    return Statement((w2 >= 0, Phi >= 0), (after - Phi == energy_step(r, w2, eta),))


def energy_matrix(V: Sequence[Sequence[Any]], u: Sequence[Any], e: Sequence[Any], g: Any) -> Statement:
    """The same from the learner's normal equations, entry by entry: V (d, d) symmetric, u = P z, so z = V u.

    (V + z z^T) e' = V e + eta z has the solution e' = e + g u, g (1 + w2) = eta - r, and Phi moves as claimed.
    No premise: an identity of polynomials, the last one multiplied by 1 + w2.
    """
    d = range(len(u))
    z, Ve = ([sum(V[i][j] * x[j] for j in d) for i in d] for x in (u, e))
    r, w2 = sum(e[i] * z[i] for i in d), sum(u[i] * z[i] for i in d)
    eta = r + g * (1 + w2)
    new = [e[i] + g * u[i] for i in d]
    moved = [sum((V[i][j] + z[i] * z[j]) * new[j] for j in d) for i in d]
    before, after = sum(e[i] * Ve[i] for i in d), sum(new[i] * moved[i] for i in d)
    normal = [moved[i] == Ve[i] + eta * z[i] for i in d]
    return Statement((), (*normal, (after - before) * (1 + w2) == -r * r + 2 * eta * r + eta * eta * w2))


def energy_line(V: Any, u: Any, e: Any, g: Any) -> Statement:
    """``energy_matrix`` in one dimension."""
    return energy_matrix([[V]], [u], [e], g)


def energy_plane(a: Any, b: Any, c: Any, u: Any, v: Any, e: Any, f: Any, g: Any) -> Statement:
    """``energy_matrix`` in two dimensions, V = [[a, b], [b, c]]."""
    return energy_matrix([[a, b], [b, c]], [u, v], [e, f], g)


def openings(B: Any, N: Any, D_B: Any, D_N: Any, psi: Any) -> Statement:
    """Theorem 2, N >= 1 openings: each gains more than D_B/B, lemma 0 allows D_N, D_n/n does not rise; so N < B."""
    slower = (N < B) | (D_N * B <= D_B * N)  # D_N/N <= D_B/B where N >= B
    return Statement((B >= 1, N >= 1, slower, psi * B > N * D_B, psi <= D_N), (N < B,))


def threshold_falls(rest: Any, labels: Any, gain: Any) -> Statement:
    """Theorem 3: the threshold is s = rest/labels, rest = D_B - psi; after a purchase (gain > s) it is lower."""
    return Statement((labels > 1, gain > rest / labels), ((rest - gain) / (labels - 1) < rest / labels,))


def label_stays(D_B: Any, psi: Any, gain: Any) -> Statement:
    """Theorem 3: the last label's threshold is D_B - psi; lemma 0 (psi + gain <= D_B) keeps the gate shut."""
    return Statement((psi + gain <= D_B,), (gain <= (D_B - psi) / 1,))


def split_is_mixed(
    w: Any, v: Any, b_w: Any, b_v: Any, q: Any, damage_w: Any, damage_v: Any, cost_w: Any, cost_v: Any
) -> Statement:
    """Fact (1) of ``studies.determinism``: b rises with the width, and v is a best reply to it.

    q is the new probability at the width w, b(v) up to v and 1 above.  Then v is a best reply still; at w = v, q is
    b(v), so v pays both sides what it did.
    """
    rising = (b_w <= 1) & ((w > v) | (b_w <= b_v))
    split = ((w > v) | (q == b_v)) & ((w <= v) | (q == 1))
    best = damage_w - b_w * cost_w <= damage_v - b_v * cost_v
    return Statement((cost_w >= 0, rising, split, best), (damage_w - q * cost_w <= damage_v - b_v * cost_v,))


def mixing_gains_nothing(
    b_0: Any, b_v: Any, damage_0: Any, damage_v: Any, worth_0: Any, worth_v: Any, patience: Any
) -> Statement:
    """Fact (2), first half: at patience 1 any b costs the leader at least u = damage_0 - cost_0, the largest
    damage - cost of a width; v is the follower's reply, which serves it no worse than the width of u does."""
    best = damage_v - b_v * patience * worth_v >= damage_0 - b_0 * patience * worth_0
    known = (patience == 1, b_0 <= 1, worth_0 >= 0, best)
    return Statement(known, (damage_v - b_v * worth_v >= damage_0 - patience * worth_0,))


def threshold_deters(w: Any, m: Any, damage_w: Any, damage_m: Any, worth_w: Any, u: Any) -> Statement:
    """Fact (2), second half: to buy surely above the width m of damage u, and never up to it, costs at most u.

    u is the largest damage - worth (patience 1), and damage rises with the width.
    """
    known = (damage_m == u, damage_w - worth_w <= u, (w > m) | (damage_w <= damage_m))
    return Statement(known, ((w > m) | (damage_w <= u), (w <= m) | (damage_w - worth_w <= u)))


STATEMENTS: tuple[Callable[..., Statement], ...] = (
    energy_scalars,
    energy_line,
    energy_plane,
    openings,
    threshold_falls,
    label_stays,
    split_is_mixed,
    mixing_gains_nothing,
    threshold_deters,
)
