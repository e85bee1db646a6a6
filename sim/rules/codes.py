"""The names of the game's parts; a part's code is its place in its tuple.

Rules compare integers so that they compile; specs and tables show names.
"""

CONTEXTS = ("isotropic", "power_law", "zipf", "shift", "free", "recorded")
ISOTROPIC, POWER_LAW, ZIPF, SHIFT, FREE, RECORDED = range(6)

FOLLOWERS = ("iid", "hard_negative", "best_response", "ball", "evader", "hard_instance", "all", "patient", "schedule")
IID, HARD_NEGATIVE, BEST_RESPONSE, BALL, EVADER, HARD_INSTANCE, ALL_SHOWN, PATIENT, SCHEDULE = range(9)
POOL_FOLLOWERS = ("iid", "hard_negative", "best_response")
FREE_FOLLOWERS = ("ball", "evader", "hard_instance")  # those that the sweeps play
PLANNERS = ("patient", "schedule")  # free followers that do not take the best vector of the round

FEEDBACKS = ("pair", "full", "bandit", "gold")
PAIR, FULL, BANDIT, GOLD = range(4)

LEADERS = ("greedy", "optimistic")
GREEDY, OPTIMISTIC = range(2)

RADIUS_MODES = ("theory", "scaled", "fixed")
THEORY, SCALED, FIXED = range(3)

LATENCIES = ("width", "regret")
WIDTH, REGRET = range(2)

GATES = (
    "always",
    "never",
    "random",
    "periodic",
    "prefix",
    "llf_fixed",
    "llf_paced",
    "llf_regret",
    "llf_self_paced",
    "llf_quantile",
    "llf_split",
    "dual",
    "margin",
    "bbq",
    "llf_oracle",
    "control_peek",
)
(
    ALWAYS,
    NEVER,
    RANDOM,
    PERIODIC,
    PREFIX,
    LLF_FIXED,
    LLF_PACED,
    LLF_REGRET,
    LLF_SELF_PACED,
    LLF_QUANTILE,
    LLF_SPLIT,
    DUAL,
    MARGIN,
    BBQ,
    LLF_ORACLE,
    CONTROL_PEEK,
) = range(16)

REASONS = ("below_threshold", "opened", "certified", "out_of_budget", "forced")
BELOW_THRESHOLD, OPENED, CERTIFIED, OUT_OF_BUDGET, FORCED = range(5)

OWN = "own"  # a gate, follower or learner from a user's file (``sim.own``); its code is OWN_CODE
OWN_CODE = -1

OK, NOT_FINITE, INVERSE_LOST = range(3)


def code(name: str, names: tuple[str, ...]) -> int:
    """The code of a part's name: its place in its tuple, OWN_CODE for a user's own."""
    return OWN_CODE if name == OWN else names.index(name)
