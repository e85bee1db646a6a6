"""The theorems without rounding: ball arithmetic on recorded runs, certificates of constants, algebra for all reals.

    balls      Arb balls in place of doubles: the text of ``theory.bounds`` runs on them
    parts      the deterministic inequalities row by row: measured double, constants, bound
    judge      rows against enclosures of their bounds: proved, undecided or refuted
    constants  the inequality in the middle of theorems 2 and 3, and the constants of both floors, by subdivision
    algebra    steps of the proofs as polynomial statements, for the solver z3 (extra ``dev``)

What is proved is a statement about the recorded doubles: constants and measured values are taken for exact.
That a recorded value carries the rounding error of the simulator that summed it remains; no bound on that
error is claimed here.  python-flint and z3 are imported by this package alone.
"""
