"""The second game: preference optimisation against a follower that moves the data (SGPO, SSAPO).

Chu, Zhang, Jia, Jin, "Stackelberg Game Preference Optimization for Data-Efficient Alignment of Language
Models" (arXiv 2502.18099), cited as [C25].  A leader fits implicit rewards to preference pairs; a
follower moves the law of the pairs within a Wasserstein ball to make the fit worst.

Symbols
    N   pairs                        d   feature dimension
    z   features of winner minus loser, rows of Z (N, d)
    theta  parameters                xi = theta^T z   margin (the paper's gap of implicit rewards)
    l(xi) = log(1 + e^-xi) [nats]    eps  radius of the ball, in units of xi (window) or of ||z||_p
    lo, tau  window of the margins begins at lo = min xi - tau
    f   share of a pair that is moved (``moved``)      lam*  the follower's price (``price``)
    p   norm on pairs, its dual ||.||_* on theta       kappa  cost of flipping a label
    alpha, beta  dual variables in [0, 1]^N            mu  barrier weight

Three balls, three followers in closed form or by a line search, and a leader for each:
    window + leaders     on margins inside a window: what [C25]'s program (9) computes
    ball, flip           on pairs, and with label flips: norm-regularised logistic regression
    reweight + surfaces  on the weights of the given pairs

Map
    losses      the logistic loss, generic over array libraries
    window      the follower on margins: closed form, worst case, groups
    tangents    program (9)'s own variables from the closed form
    leaders     L0 to L3: what the leader minimises after the follower's reply
    ball        leader against the ball on pairs, with a Fenchel certificate (DPO: eps = 0)
    flip        the adversary that may flip labels: closed form, explicit plan, leader
    reweight    the adversary that may only reweight: Algorithm F, groups
    surfaces    the leader against it: cutting surfaces with a certified gap
    newton, norms, interior   solvers: damped Newton, dual norms and their barriers, barrier path
    rivals      losses of other methods
    data        the linear preference model: spec, regimes, sampling
    loop        seed, annotate, reply, fit, buy: the self-annotation loop over all methods
    steps, buying   the parts of a round: labels and losses of each method; who buys true labels
"""
