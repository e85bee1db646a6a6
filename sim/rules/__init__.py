"""The rules of a round: plain functions on numbers and small tuples, which the compiler takes as they are.

codes      names of the game's parts and the numbers behind them
draws      random bits by counter: (seed, replication, round, role) -> number
streams    context processes: where the pool of a round comes from
learners   ridge regression with a shared design, the confidence radius;  choice: the same from choices
leader     which response is picked, which pair compared, how large the regret can be
gates      which label is bought;  insurance: a coin beside a gate
followers  which alternatives are shown;  evasion: those that keep a gate from buying;
           bait: those that spread labels first;  planners: those that look beyond the round
cholesky   factor and triangular systems, for planners and choices
rounds     the parts of a round;  log: what a run remembers
"""
