"""What should be true of the game, and how it is judged.

    bounds        one pure function a theorem: statement, assumptions, source
    inequalities  what a claim measures and what bounds it, once: judged, searched and tabled from here
    ledger        Claim, Finding, Verdict; verdicts on the pooled table and on every seed set
    claims        the ledger itself: every claim with its origin and judge
    stats         intervals: exact binomial, Student, bootstrap over replications
    overlay       bounds on the grid of a results table, as tables, so that figures need no theory
    routing       Roughgarden's links, where LLF comes from
    judges        results tables in, findings out
    oracles       programs that are solved to a certificate
    studies       tables that theory makes itself
    falsify       search for the instance that comes nearest to breaking a bound

Theory never runs a simulation: it reads results tables (``sim.table``).  cvxpy is imported in
``oracles`` alone.
"""
