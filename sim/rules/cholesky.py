"""Cholesky's factor and the two triangular systems that it leaves, as loops in a fixed order of sums.

A library's LAPACK would give other last digits on another machine.  With A = C C^T:

>>> import numpy as np
>>> from sim.rules import cholesky
>>> A, x = np.array([[4.0, 2.0], [2.0, 5.0]]), np.empty(2)
>>> cholesky.factor(A)
>>> cholesky.solve(A, np.array([8.0, 12.0]), x)
>>> x.tolist()
[1.0, 2.0]
"""

import math


def factor(A):
    """Overwrite the lower triangle of a positive definite A (d, d) with its Cholesky factor."""
    d = A.shape[0]
    for j in range(d):
        for i in range(j, d):
            total = A[i, j]
            for k in range(j):
                total -= A[i, k] * A[j, k]
            A[i, j] = math.sqrt(total) if i == j else total / A[j, j]


def solve_lower(C, b, x):
    """x (d,) in place with C x = b, for a lower triangle C (d, d); b (d,) may be x itself."""
    for i in range(b.shape[0]):
        total = b[i]
        for k in range(i):
            total -= C[i, k] * x[k]
        x[i] = total / C[i, i]


def solve_upper(C, b, x):
    """x (d,) in place with C^T x = b, for a lower triangle C (d, d); b (d,) may be x itself."""
    d = b.shape[0]
    for j in range(d):
        i = d - 1 - j
        total = b[i]
        for k in range(i + 1, d):
            total -= C[k, i] * x[k]
        x[i] = total / C[i, i]


def solve(C, b, x):
    """x = A^-1 b from the factor C of A (d, d), see ``factor``; ``x`` (d,) in place."""
    solve_lower(C, b, x)
    solve_upper(C, x, x)
