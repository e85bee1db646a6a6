"""The names of the game's parts; a part's code is its place in its tuple.

Rules compare integers so that they compile; specs and tables show names.  The names of gates and
followers stand beside their rules, in ``gates.TRAITS`` and ``followers.TRAITS``.

>>> CONTEXTS[FREE], FEEDBACKS[PAIR], REASONS[OPENED]
('free', 'pair', 'opened')
"""

CONTEXTS = ("isotropic", "power_law", "zipf", "shift", "free", "recorded")
ISOTROPIC, POWER_LAW, ZIPF, SHIFT, FREE, RECORDED = range(6)

FEEDBACKS = ("pair", "full", "bandit", "gold", "choice")
PAIR, FULL, BANDIT, GOLD, CHOICE = range(5)
COMPARED = ("pair", "choice")  # a label compares two of the shown responses

NOISES = ("gaussian", "rademacher", "uniform")
GAUSSIAN, RADEMACHER, UNIFORM = range(3)

LEADERS = ("greedy", "optimistic")
GREEDY, OPTIMISTIC = range(2)

RADIUS_MODES = ("theory", "scaled", "fixed")
THEORY, SCALED, FIXED = range(3)

LATENCIES = ("width", "regret")
WIDTH, REGRET = range(2)

REASONS = ("below_threshold", "opened", "certified", "out_of_budget", "forced")
BELOW_THRESHOLD, OPENED, CERTIFIED, OUT_OF_BUDGET, FORCED = range(5)

PLUGIN = "plugin"  # a gate, follower or learner from a user's file (``sim.plugins``)

OK, NOT_FINITE, INVERSE_LOST = range(3)
