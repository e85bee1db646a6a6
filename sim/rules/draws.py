"""Random numbers as data: every draw is a function of (seed, replication, round, role).

Each (seed, replication, role) owns one SplitMix64 sequence with its own odd increment
(Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014), and draw
number n of it is ``mix(state + n * gamma)``.  Nothing is consumed in order, so results do not
depend on threads or on resumption, and two gates on one seed see the same prompts and noise.

Features use ``bell``: the sum of four 16-bit uniforms, standardised (mean 0, variance 1, excess
kurtosis -0.3, symmetric, independent).  It costs one hash a coordinate and is exact in floating
point, hence the same bytes on every machine.  Label noise is Gaussian (Box-Muller), because the
lower bound (theorem 4) is a statement about Gaussian noise.

The formulas are elementwise: they work on NumPy arrays and compile unchanged.  ``fill_*`` and
``uniform_at`` only spread a formula over draw numbers, by array here and by loop in ``sim.kernels``.
"""

import hashlib
import math

import numpy as np

FEATURES, COMPONENT, FOLLOWER, ORDER, NOISE, COIN, THETA, PERMUTATION, RELABEL = range(9)
ROLES = 9

_S12, _S16, _S27, _S30 = np.uint64(12), np.uint64(16), np.uint64(27), np.uint64(30)
_S31, _S32, _S48 = np.uint64(31), np.uint64(32), np.uint64(48)
_M16 = np.uint64(0xFFFF)
_C1, _C2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_UNIT = 2.0**-52
_BELL_MEAN = 2.0 * 65535.0
_BELL_SCALE = 1.0 / math.sqrt(4.0 * (65536.0**2 - 1.0) / 12.0)


def stream_keys(seed: int, replication: int) -> np.ndarray:
    """Return the (ROLES, 2) uint64 array of (state, odd increment), one row a role."""
    keys = np.empty((ROLES, 2), dtype=np.uint64)
    for role in range(ROLES):
        name = f"{seed}/{replication}/{role}".encode()
        keys[role] = np.frombuffer(hashlib.blake2b(name, digest_size=16).digest(), dtype="<u8")
    keys[:, 1] |= np.uint64(1)
    return keys


def mix(z):
    """SplitMix64 finaliser: uint64 array -> uint64 array of the same shape."""
    y = (z ^ (z >> _S30)) * _C1
    x = (y ^ (y >> _S27)) * _C2
    return x ^ (x >> _S31)


def bits(key, start, index):
    """Draws start, start+1, ... of the sequence ``key``; ``index`` is arange(n) as uint64."""
    return mix(key[0] + (index + np.uint64(start)) * key[1])


def uniform(raw):
    """Uint64 bits -> uniforms strictly inside (0, 1)."""
    return ((raw >> _S12) + 0.5) * _UNIT


def bell(raw):
    """Uint64 bits -> bell-shaped numbers with mean 0 and variance 1, bounded by 3.47."""
    total = (raw & _M16) + ((raw >> _S16) & _M16) + ((raw >> _S32) & _M16) + (raw >> _S48)
    return (total - _BELL_MEAN) * _BELL_SCALE


def gaussian(u1, u2):
    """Two uniforms -> one standard normal number (Box-Muller)."""
    return math.sqrt(-2.0 * math.log(u1)) * math.cos(2.0 * math.pi * u2)


def fill_bell(key, start, out):
    """Bell-shaped draws start, start + 1, ... of ``key`` into ``out`` (n,). Modifies ``out``."""
    out[:] = bell(bits(key, start, index(out.shape[0])))


def fill_uniform(key, start, out):
    """Uniform draws start, start + 1, ... of ``key`` into ``out`` (n,). Modifies ``out``."""
    out[:] = uniform(bits(key, start, index(out.shape[0])))


def uniform_at(key, n):
    """Uniform draw number n of ``key``."""
    return uniform(bits(key, n, index(1)))[0]


def index(n: int) -> np.ndarray:
    """The offsets 0..n-1 that ``bits`` adds to its start, shape (n,), uint64."""
    return np.arange(n, dtype=np.uint64)
