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
    rules      what happens in a round, as plain functions on numbers
    game       a run, once: ``loop`` plays it as it stands, ``kernels`` compiles it (the only file
               that imports numba)
    spec       frozen descriptions of a run, checked when they are made; fields: their numbers and names;
               combinations: which parts play together
    setup      a description as plain numbers, the argument of every rule
    recorded   features and labels from a file; scripts: schedules from a file
    sources    where a user's file comes from; plugins: its gate, follower or learner; protocols: types
    engine     specs -> run logs, over replications; trace: vectors and decisions of one run
    runlog     what a configuration left behind; table: the schema of results tables; files: bytes on disk
    sweeps     the named experiments; tiers: their sizes
    version    the digest of the sources behind every cache
    preference the second game
    live       gates outside the simulator, label sources; adapters: scikit-activeml, Gymnasium
"""
