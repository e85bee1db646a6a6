"""The rules of a round: plain functions on numbers and small tuples, which the compiler takes as they are.

codes      names of the game's parts and the numbers behind them
draws      counter-based random bits: (seed, replication, round, role) -> number
streams    context processes: where the pool of a round comes from
learners   ridge regression with a shared design, the confidence radius
leader     pick, compared pair, latencies
gates      who buys what: pure rules on scalars
followers  who shows what: pure rules on scores and payoffs
evasion    the exact evader;  planners: followers that plan
rounds     the parts of a round;  log: what a run remembers
"""
