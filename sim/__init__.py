"""Simulator of budgeted supervised fine-tuning as a contextual Stackelberg game.

Symbols (the same letters everywhere in code, tables and docs)
    T   rounds                      d   feature dimension
    N   pool size                   M   alternatives shown beside the gold response
    B   labels that may be bought   beta (``budget_ratio``)  B = floor(beta * T)
    lam ridge parameter             sigma  sub-Gaussian noise scale
    S   bound on ||theta*||         L   bound on the vectors that enter the design
    delta  failure probability      alpha_t (``radius``)  confidence radius
    V_t design matrix               P_t = V_t^{-1}
    Psi_t (``psi``)  information bought so far, log det V_t - log det(lam I), in nats

Order of moves in one round
    1. a prompt arrives as a pool of N feature vectors; the gold response has the largest
       payoff <theta*, phi>;
    2. the leader commits to scores, design and gate, and the follower sees all three;
    3. the follower shows the gold response and M alternatives of its choice;
    4. the leader picks the best score; the instant regret is gold payoff minus pick payoff;
    5. the gate computes a latency (an upper confidence bound on that regret) and says whether
       the label is bought, never more than B times;
    6. only a bought label teaches anything; regret accrues in every round.

Map
    spec       frozen descriptions of a run, checked when they are made
    draws      counter-based random bits: (seed, replication, round, role) -> number
    streams    context processes; recorded: features and labels from a file
    learners   ridge regression with a shared design (``ridge`` is ``ova`` with one column)
    leader     pick, compared pair, latencies
    gates      who buys what: pure rules on scalars
    followers  who shows what: pure rules on scores and payoffs; evasion: the exact evader;
               planners: a committed schedule (scripts: from a file) and a follower that plans
    log        the columns of a run log and the path-wise maxima kept between records
    loop       one run in readable Python: the reference; trace: its vectors and decisions
    kernels    the same run compiled: the only file that imports numba
    engine     specs -> run logs, over replications; status codes -> exceptions
    table      the schema of results tables; read, write, check
    sweeps     the named experiments; tiers: their sizes
    own        a user's gate, follower or learner from a file; protocols: their types
    preference the second game
    live       gates outside the simulator, label sources; adapters: scikit-activeml, Gymnasium
    codes, fields, setup, rounds, recorded, version: names, numbers, parts of a round, files, digest
"""
