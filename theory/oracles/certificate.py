"""Convex programs that come back with a certificate, or not at all.

``solve`` hands a cvxpy problem to Clarabel (SCS if that fails) and trusts neither status nor
reported accuracy.  It reads the conic form that cvxpy compiled, with the raw primal x and dual z,
    min 1/2 x'Px + c'x  s.t.  b - Ax in K        Lagrangian dual: -1/2 x'Px - b'z, z in K*,
and recomputes, all relative to 1 + the largest entry involved:
    primal_residual  distance of b - Ax from K, and the violation of every constraint as written
    dual_residual    max of ||Px + A'z + c||_inf and the distance of z from K*
    gap              |objective as written, at the returned variables - Lagrangian dual value|
With both residuals 0 the dual value bounds the optimum (weak duality), so the gap bounds the
error of ``value`` whatever the solver did.  Distances to exponential and power cones are upper
bounds (one coordinate is moved).  What exceeds the tolerance raises OracleError.
"""

import os
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cvxpy as cp
import numpy as np

FOLDER = "BUDGETED_STACKELBERG_INSTANCES"
TOLERANCE = 1e-6
TIGHT = {"tol_gap_abs": 1e-10, "tol_gap_rel": 1e-10, "tol_feas": 1e-10, "accept_unknown": True}
ATTEMPTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("CLARABEL", TIGHT),
    ("CLARABEL", {"accept_unknown": True}),
    ("SCS", {"eps_abs": 1e-9, "eps_rel": 1e-9, "max_iters": 200_000}),
)
HOPELESS = ("infeasible", "unbounded")


@dataclass(frozen=True)
class Certificate:
    """An optimum with what vouches for it; residuals and gap are relative (module docstring).

    value: objective at ``solution``, in the sense (max or min) of the program;
    status: the solver and its word, or the name of the method; seconds: wall time.
    """

    value: float
    solution: np.ndarray
    status: str
    primal_residual: float
    dual_residual: float
    gap: float
    seconds: float


class OracleError(RuntimeError):
    """A program without a certified optimum; ``instance`` holds its arrays, ``path`` the file.

    ``status`` is "infeasible" or "unbounded" where the solver says so, else what went wrong.
    """

    def __init__(self, name: str, status: str, instance: Mapping[str, Any]):
        self.name, self.status = name, status
        self.instance = {key: np.asarray(value) for key, value in instance.items()}
        self.path = save_instance(name, self.instance)
        super().__init__(f"{name}: no certified optimum ({status}); instance saved to {self.path}")


def save_instance(name: str, instance: Mapping[str, np.ndarray]) -> Path:
    """Write the arrays to an .npz that never exists half-written; returns its path.

    The folder is the environment variable BUDGETED_STACKELBERG_INSTANCES or the temporary one.
    """
    folder = Path(os.environ.get(FOLDER) or tempfile.gettempdir())
    folder.mkdir(parents=True, exist_ok=True)
    safe = "".join(c if c.isalnum() else "_" for c in name)
    handle, partial = tempfile.mkstemp(prefix=f"{safe}_", suffix=".part", dir=folder)
    with os.fdopen(handle, "wb") as file:
        np.savez(file, **dict(instance))  # type: ignore[arg-type]
    path = Path(partial).with_suffix(".npz")
    os.replace(partial, path)
    return path


def certify(name: str, certificate: Certificate, instance: Mapping[str, Any], tolerance: float) -> Certificate:
    """The certificate, or OracleError if a residual or the gap exceeds ``tolerance`` (or is NaN)."""
    c = certificate
    measured = (c.primal_residual, c.dual_residual, c.gap)
    if np.isfinite(c.value) and all(m <= tolerance for m in measured):
        return c
    said = f"{c.status}: primal residual, dual residual, gap = " + ", ".join(f"{m:.1e}" for m in measured)
    raise OracleError(name, f"{said}, tolerance {tolerance:.0e}", instance)


def solve(
    name: str,
    problem: cp.Problem,
    solution: cp.Expression,
    instance: dict[str, np.ndarray],
    tolerance: float = TOLERANCE,
) -> Certificate:
    """Solve ``problem`` and certify it; ``solution`` is the expression whose value is wanted.

    What is checked: see the module docstring; it covers linear, second-order, semidefinite,
    exponential and power cones and quadratic objectives, so any DCP program without integers.
    Leaves the variables' values in ``problem``; dual values of its constraints too.

    Raises OracleError (never a wrong number) if no solver delivers, ValueError for a bad
    tolerance, cvxpy's DCPError for a program that is not convex.
    """
    if not 0.0 < tolerance < 1.0:
        raise ValueError(f"tolerance={tolerance}: must lie in (0, 1); leave it out for {TOLERANCE}")
    begun = time.perf_counter()
    said = []
    for solver, options in ATTEMPTS:
        status, residuals = attempt(problem, solver, dict(options))
        if status in HOPELESS:
            raise OracleError(name, status, instance)
        said.append(f"{solver} {status}")
        if residuals is not None:
            primal, dual, gap = residuals
            said[-1] += f" (primal residual {primal:.1e}, dual residual {dual:.1e}, gap {gap:.1e})"
            if max(residuals) <= tolerance:
                value, found = float(problem.objective.value), np.array(solution.value, dtype=float)
                return Certificate(value, found, f"{solver} {status}", *residuals, time.perf_counter() - begun)
    raise OracleError(name, f"{'; '.join(said)}; tolerance {tolerance:.0e}", instance)


def attempt(problem: cp.Problem, solver: str, options: dict) -> tuple[str, tuple[float, float, float] | None]:
    """(status, residuals) of one solver; residuals None if it left no point. Modifies ``problem``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an inaccurate status is judged here, by the residuals
        try:
            data, chain, inverse = problem.get_problem_data(solver, solver_opts=options)
            raw = chain.solve_via_data(problem, data, solver_opts=options)
            problem.unpack_results(raw, chain, inverse)
        except cp.SolverError as error:
            return f"failed ({str(error).splitlines()[0]})", None
        if problem.status not in ("optimal", "optimal_inaccurate"):
            return problem.status, None
        x, z = (raw["x"], raw["y"]) if isinstance(raw, dict) else (raw.x, raw.z)
        offset = float(inverse[-1][cp.settings.OFFSET])
        return problem.status, residuals_of(problem, data, np.asarray(x), np.asarray(z), offset, solver == "SCS")


def residuals_of(
    problem: cp.Problem, data: Mapping[str, Any], x: np.ndarray, z: np.ndarray, offset: float, lower: bool
) -> tuple[float, float, float]:
    """(primal, dual, gap) of a primal-dual pair of the compiled conic form (module docstring).

    ``lower``: the solver stores lower triangles of semidefinite blocks (SCS), else upper ones.
    """
    A, b, c, dims = data["A"], data["b"], data["c"], data["dims"]
    quadratic = data["P"] @ x if data.get("P") is not None else np.zeros_like(c)
    slack, pulled = b - A @ x, A.T @ z
    primal = cone_distance(slack, dims, False, lower) / (1.0 + largest(b, A @ x))
    stationary = largest(quadratic + pulled + c) / (1.0 + largest(quadratic, pulled, c))
    dual = max(stationary, cone_distance(z, dims, True, lower) / (1.0 + largest(z)))
    bound = -0.5 * float(x @ quadratic) - float(b @ z) + offset
    value = float(problem.objective.value)
    sign = -1.0 if isinstance(problem.objective, cp.Maximize) else 1.0
    gap = abs(sign * value - bound) / (1.0 + abs(value))
    return max(primal, as_written(problem)), dual, gap if np.isfinite(gap) else np.inf


def as_written(problem: cp.Problem) -> float:
    """Largest violation of the program's own constraints, relative to 1 + their largest entry."""
    worst = 0.0
    for constraint in problem.constraints:
        size = largest(*(np.asarray(part.value, dtype=float) for part in constraint.args))
        worst = max(worst, largest(np.asarray(constraint.violation(), dtype=float)) / (1.0 + size))
    return worst


def largest(*arrays: np.ndarray) -> float:
    """Largest absolute entry (0 for empty arrays)."""
    return max((float(np.max(np.abs(a))) for a in arrays if np.size(a)), default=0.0)


def cone_distance(v: np.ndarray, dims: Any, dual: bool, lower: bool) -> float:
    """Largest distance of a block of v from its cone (or dual cone), in cvxpy's order of blocks."""
    free, at = int(dims.zero), int(dims.zero) + int(dims.nonneg)
    worst = max(0.0 if dual else largest(v[:free]), float(np.max(-v[free:at], initial=0.0)))
    for size, distance in blocks(dims, dual, lower):
        worst = max(worst, distance(v[at : at + size]))
        at += size
    if at != v.size:
        raise NotImplementedError(f"{v.size - at} conic rows of an unknown kind: no certificate for this program")
    return worst


def blocks(dims: Any, dual: bool, lower: bool) -> Iterator[tuple[int, Any]]:
    """(rows, distance function) of every block after the linear ones."""
    for n in dims.soc:
        yield n, lambda v: max(0.0, float(np.linalg.norm(v[1:]) - v[0]))
    for n in dims.psd:
        yield n * (n + 1) // 2, lambda v, n=n: semidefinite(v, n, lower)
    for _ in range(dims.exp):
        yield 3, dual_exponential if dual else exponential
    for weight in dims.p3d:
        yield 3, lambda v, a=weight: power(v, np.array([a, 1.0 - a]), dual)
    for weights in dims.pnd:
        yield len(weights) + 1, lambda v, a=weights: power(v, np.asarray(a), dual)


def semidefinite(v: np.ndarray, n: int, lower: bool) -> float:
    """Minus the least eigenvalue of the matrix stored as a triangle, off-diagonals times sqrt(2)."""
    rows, cols = np.tril_indices(n)
    if lower:
        cols, rows = np.triu_indices(n)  # column by column below the diagonal = row by row above it
    M = np.zeros((n, n))
    M[rows, cols] = M[cols, rows] = v / np.where(rows == cols, 1.0, np.sqrt(2.0))
    return max(0.0, -float(np.linalg.eigvalsh(M)[0]))


def exponential(v: np.ndarray) -> float:
    """Distance bound of (x, y, z) from {y exp(x/y) <= z, y > 0}: raise z or lower x."""
    x, y, z = (float(e) for e in v)
    if y <= 0.0:
        return max(-y, x, -z, 0.0)
    up = y * np.exp(min(x / y, 700.0)) - z
    left = x - y * np.log(z / y) if z > 0.0 else np.inf
    return max(0.0, float(min(up, left)))


def dual_exponential(v: np.ndarray) -> float:
    """Distance bound of (u, v, w) from {-u exp(v/u) <= e w, u < 0}: raise w or raise v."""
    u, r, w = (float(e) for e in v)
    if u >= 0.0:
        return max(u, -r, -w, 0.0)
    up = -u * np.exp(min(r / u - 1.0, 700.0)) - w
    right = u * (1.0 + np.log(w / -u)) - r if w > 0.0 else np.inf
    return max(0.0, float(min(up, right)))


def power(v: np.ndarray, a: np.ndarray, dual: bool) -> float:
    """Distance bound of (x, z) from {prod x_i^a_i >= |z|, x >= 0}; the dual cone has x_i/a_i."""
    x = np.maximum(v[:-1], 0.0) / (a if dual else 1.0)
    return max(0.0, float(np.max(-v[:-1])), float(abs(v[-1]) - np.prod(x**a)))


def finite(name: str, value: Any, ndim: int) -> np.ndarray:
    """``value`` as a float array with ``ndim`` axes, none empty; ValueError otherwise."""
    array = np.asarray(value, dtype=float)
    if array.ndim != ndim or array.size == 0:
        raise ValueError(f"{name} has shape {array.shape}: need {ndim} non-empty axes; reshape it")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name} holds NaN or infinity: need finite numbers; drop or repair those entries")
    return array


def at_least(name: str, value: float, low: float, high: float = np.inf) -> float:
    """``value`` as a float in [low, high]; ValueError otherwise (also for NaN and infinity)."""
    if not (low <= value <= high and np.isfinite(value)):
        raise ValueError(f"{name}={value}: must be a finite number in [{low}, {high}]; correct it")
    return float(value)


def root(name: str, V: Any, d: int) -> np.ndarray:
    """Upper triangular C (d, d) with V = C'C; ValueError unless V is symmetric positive definite."""
    matrix = finite(name, V, 2)
    if matrix.shape != (d, d):
        raise ValueError(f"{name} has shape {matrix.shape}: need ({d}, {d}) to match the vectors; check d")
    if np.max(np.abs(matrix - matrix.T)) > 1e-8 * np.max(np.abs(matrix)):
        raise ValueError(f"{name} is not symmetric: need V = V'; pass (V + V') / 2")
    try:
        return np.linalg.cholesky(0.5 * (matrix + matrix.T)).T
    except np.linalg.LinAlgError as error:
        raise ValueError(f"{name} is not positive definite: need all eigenvalues > 0; add lam I, lam > 0") from error
