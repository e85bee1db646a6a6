"""What should be true of the game, and how it is judged.

    bounds        one pure function a theorem: statement, assumptions, source
    expected      bounds in expectation: the queried clock, a coin's guarantee, what a threshold costs
    stats         estimates with an interval at any level; how much of it a look may spend
    ledger        Claim, Finding, Verdict: one error budget, looks, no verdict without a control
    orders        do two worlds order the gates alike: an exact permutation test over data sets
    planted       data that are wrong on purpose, for those controls
    inequalities  the deterministic claims that are both judged and searched: measured, bound, trivial bound
    judges/       tables in, findings out; every module lists its CLAIMS
    claims        the ledger itself, gathered from the judges
    routing       Roughgarden's links, where LLF (largest latency first) comes from
    oracles/      convex programs with certificates: best replies, commitments, labels in hindsight, the
                  preference game
    studies/      tables that theory makes itself, cell by cell
    rigorous/     ball arithmetic on recorded runs, certified constants, steps of proofs for all reals
    falsify/      search for the instance that comes nearest to breaking a bound, and how near runs come
    overlay       bounds on the grid of a results table, as tables, so that figures need no theory

Arrows go one way: claims > judges, rigorous > studies, falsify > oracles > inequalities, orders, routing > ledger,
bounds, stats.
Theory never runs a simulation: it reads results tables (``sim.table``) or is handed a ``play`` function.
cvxpy is imported by ``oracles`` alone, python-flint and z3 by ``rigorous`` alone.
"""
