"""What should be true of the game, and how it is judged.

    bounds      one pure function a theorem: statement, assumptions, source
    stats       intervals: exact binomial, Student, bootstrap over replications
    ledger      Claim, Finding, Verdict; verdicts on the pooled table and on every seed set
    claims_*    the judges: tables in, findings out (path, rate, labels: the game; preference; llm)
    claims      the ledger itself: every claim with its origin and judge
    certificate what a solver's answer must bring: residuals, gap, or an error with the instance
    oracles     best replies as cone programs; oracles_games: commitments; oracles_allocation: labels
                in hindsight; oracles_fit: flows, fixed scorers, smallest constants;
                oracles_preference*: the preference game
    routing     Roughgarden's links, where LLF comes from
    study       a table made in cells; studies*: those that theory makes itself
    falsify     search for the instance that comes nearest to breaking a bound; falsify_space: where;
                simplest: smaller instances of the same ratio
    tightness   measured over bound, over runs and at the worst instances found
    determinism what a committed mixture of gates is worth; nonmyopic: a follower that plans
    regret_preference  search for the targets of largest regret in the preference game
    overlay     bounds on the grid of a results table, as tables, so that figures need no theory

Theory never runs a simulation: it reads results tables (``sim.table``).  cvxpy is imported by
``certificate`` and ``oracles*`` alone.
"""
