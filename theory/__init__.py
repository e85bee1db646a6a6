"""What should be true of the game, and how it is judged.

    bounds      one pure function a theorem: statement, assumptions, source
    stats       intervals: exact binomial, Student, bootstrap over replications
    ledger      Claim, Finding, Verdict; verdicts on the pooled table and on every seed set
    claims_*    the judges of B1-B14: tables in, findings out
    claims      the ledger itself: every claim with its origin and judge
    certificate what a solver's answer must bring: residuals, gap, or an error with the instance
    oracles     best replies as cone programs; oracles_games: commitments; oracles_allocation: labels
                in hindsight; oracles_fit: flows, fixed scorers, smallest constants
    routing     Roughgarden's links, where LLF comes from
    studies     tables that theory makes itself from these
    falsify     search for the instance that comes nearest to breaking a bound; falsify_space: where
    overlay     bounds on the grid of a results table, as tables, so that figures need no theory

Theory never runs a simulation: it reads results tables (``sim.table``).  cvxpy is imported by
``certificate`` and ``oracles*`` alone.
"""
