"""Random numbers as data: every draw is a function of (seed, replication, round, role).

A role is one use of randomness: features, label noise, the gate's coin and so on (the constants
below).  Each (seed, replication, role) owns one SplitMix64 sequence with its own odd increment
(Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014), and draw
number n of it is ``mix(state + n * increment)``.  No generator is advanced, so a number does not
depend on threads or on what was drawn before, a run can be resumed at any round, and two gates
that play the same seed meet the same prompts and the same noise:

>>> from sim.rules import draws
>>> key = draws.stream_keys(seed=0, replication=3)[draws.COIN]
>>> round(float(draws.uniform_at(key, 7)), 6)  # the coin of round 7 (0-based), whenever asked
0.971032
>>> other = draws.stream_keys(seed=0, replication=4)[draws.COIN]
>>> round(float(draws.uniform_at(other, 7)), 6)
0.397721

Features use ``bell``: the sum of four 16-bit uniforms, scaled to mean 0 and variance 1 (symmetric,
excess kurtosis -0.3).  It costs one hash a coordinate and is exact in floating point, hence the
same bytes on every machine.  Label noise is Gaussian (Box-Muller) by default, because the lower bound
(theorem 4) is a statement about Gaussian noise; ``standard`` has two bounded laws beside it.

The formulas are elementwise: here they run on NumPy arrays, and ``sim.kernels`` compiles the same
functions.  Only ``fill_*`` and ``uniform_at``, which apply a formula to many draw numbers or to
one, are written again there as loops.
"""

import hashlib
import math

import numpy as np

from sim.rules import codes

FEATURES, COMPONENT, FOLLOWER, ORDER, NOISE, COIN, THETA, PERMUTATION, RELABEL, TWIST = range(10)
ROLES = 10

_S12, _S16, _S27, _S30 = np.uint64(12), np.uint64(16), np.uint64(27), np.uint64(30)
_S31, _S32, _S48 = np.uint64(31), np.uint64(32), np.uint64(48)
_M16 = np.uint64(0xFFFF)
_C1, _C2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_UNIT = 2.0**-52
_HALF_WIDTH = math.sqrt(3.0)  # of the uniform law of variance 1
_BELL_MEAN = 2.0 * 65535.0
_BELL_SCALE = 1.0 / math.sqrt(4.0 * (65536.0**2 - 1.0) / 12.0)


def stream_keys(seed: int, replication: int) -> np.ndarray:
    """The keys of one replication: (ROLES, 2) uint64, a row (state, odd increment) for each role.

    Rows are BLAKE2b digests of "seed/replication/role", so neighbouring seeds are unrelated.
    """
    keys = np.empty((ROLES, 2), dtype=np.uint64)
    for role in range(ROLES):
        name = f"{seed}/{replication}/{role}".encode()
        keys[role] = np.frombuffer(hashlib.blake2b(name, digest_size=16).digest(), dtype="<u8")
    keys[:, 1] |= np.uint64(1)
    return keys


def mix(z):
    """The hash of SplitMix64: uint64 array -> uint64 array of the same shape, evenly spread bits."""
    y = (z ^ (z >> _S30)) * _C1
    x = (y ^ (y >> _S27)) * _C2
    return x ^ (x >> _S31)


def bits(key, start, index):
    """Raw draws start, start + 1, ... of the sequence ``key`` (2,): (n,) uint64.

    ``index`` is ``index(n)``, passed in so that a compiled caller needs no new array.
    """
    return mix(key[0] + (index + np.uint64(start)) * key[1])


def uniform(raw):
    """Raw uint64 draws -> uniform floats strictly between 0 and 1, same shape."""
    return ((raw >> _S12) + 0.5) * _UNIT


def bell(raw):
    """Raw uint64 draws -> bell-shaped floats of mean 0 and variance 1 in [-3.47, 3.47], same shape."""
    total = (raw & _M16) + ((raw >> _S16) & _M16) + ((raw >> _S32) & _M16) + (raw >> _S48)
    return (total - _BELL_MEAN) * _BELL_SCALE


def gaussian(u1, u2):
    """One standard normal number from two uniforms in (0, 1), by Box-Muller."""
    return math.sqrt(-2.0 * math.log(u1)) * math.cos(2.0 * math.pi * u2)


def standard(noise, u1, u2):
    """A number of mean 0 and variance 1 from two uniforms in (0, 1), by the law ``noise`` (``codes.NOISES``).

    Each is 1-sub-Gaussian, E exp(x X) <= exp(x^2/2), so that sigma times it keeps every promise made for noise scale
    sigma: a fair sign because cosh x <= exp(x^2/2); the uniform law on [-sqrt 3, sqrt 3] because sinh(y)/y <=
    exp(y^2/6) at y = sqrt(3) x, term by term, (2k + 1)! >= 6^k k!.  So no law needs another scale than its variance's.
    """
    if noise == codes.RADEMACHER:
        return 1.0 if u1 < 0.5 else -1.0
    if noise == codes.UNIFORM:
        return _HALF_WIDTH * (2.0 * u1 - 1.0)
    return gaussian(u1, u2)


def fill_bell(key, start, out):
    """Write the bell-shaped draws start, start + 1, ... of ``key`` (2,) into ``out`` (n,), in place."""
    out[:] = bell(bits(key, start, index(out.shape[0])))


def fill_uniform(key, start, out):
    """Write the uniform draws start, start + 1, ... of ``key`` (2,) into ``out`` (n,), in place."""
    out[:] = uniform(bits(key, start, index(out.shape[0])))


def uniform_at(key, n):
    """Draw number n (0-based) of the sequence ``key`` (2,), as a uniform in (0, 1)."""
    return uniform(bits(key, n, index(1)))[0]


def index(n: int) -> np.ndarray:
    """The numbers 0, ..., n - 1 as uint64 (n,), to be added to the first draw number in ``bits``."""
    return np.arange(n, dtype=np.uint64)
