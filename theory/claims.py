"""The ledger: every claim, where it comes from, and who judges it.

Origins: "stated by [W26]" (arXiv 2602.00952: the rate or sentence is the paper's), "stated by
[W26], constants derived here", "derived here", "classical", "conjectured here" (before the runs),
"control".  Everything more exact than [W26]'s abstract is derived here.  S1-S10 are in
``claims_preference`` ([C25] is arXiv 2502.18099), M1-M4 in ``claims_llm``.
"""

import pandas as pd

from theory import routing
from theory.judges import labels, path, rate
from theory.judges.llm import LLM
from theory.judges.preference import PREFERENCE
from theory.ledger import FAIL, FAMILY_ERROR, REFUTED, Claim, Tables, judge
from theory.studies import certificates, nonmyopic

W26, DERIVED, CLASSICAL, CONTROL = "stated by [W26]", "derived here", "classical", "control"
W26_CONTROLS = "stated by [W26], controls chosen here"
W26_CONSTANTS = "stated by [W26], constants derived here"
THEORY = "theory radius (AYPS 2011, thm 2), delta = 0.05"
NONE = "no radius constant enters"
GAMES = ("horizon", "coverage", "theorem2", "theorem3", "hard", "stated", "witness", "efficiency", "followers")

LEDGER: tuple[Claim, ...] = (
    Claim("B1", "coverage", "P(E) >= 1 - delta for every gate and follower", CLASSICAL, "coverage", THEORY,
          ("coverage",), "f7_coverage", path.coverage),
    Claim("B2", "lemma 0", "Elliptical potential: psi <= D_n, sum of w^2 <= 2 psi, count bound, every run", CLASSICAL,
          "upper", NONE, (*GAMES, "digits"), "f9_ledger", path.lemma0),
    Claim("B3a", "latency", "On E the instant regret is at most both latencies, in every round", DERIVED, "upper",
          THEORY, GAMES, "f5_trace", path.latency),
    Claim("B3b", "theorem 1", "Every label bought: R_t <= alpha_t sqrt(2 t D_t) along every path on E", W26_CONSTANTS,
          "upper", THEORY, ("horizon",), "f1_regret_T", path.theorem1),
    Claim("B4a", "rate in T", "Against the ball follower R_T grows like T^(1/2): interval inside [0.4, 0.6]", W26,
          "exponent", NONE, ("horizon",), "f2_exponents", rate.exponent_T),
    Claim("B4b", "rate in T", "No other follower makes R_T grow faster than T^0.6", W26, "exponent", NONE, ("horizon",),
          "f2_exponents", rate.exponent_T_others),
    Claim("B5a", "rate in d", "R_T grows in d no faster than d^1", W26, "exponent", NONE, ("horizon",), "f2_exponents",
          rate.exponent_d),
    Claim("B5b", "rate in d", "Nor against a follower that plans, found by search", W26, "exponent", NONE,
          ("nonmyopic",), "f17_nonmyopic", nonmyopic.exponent),
    Claim("B5c", "rate in d", "Mean R_T <= sqrt((T + 2 D_T)(lam S^2 + sigma^2 D_T)) for every follower, so d^(1/2)",
          DERIVED, "ordering", NONE, ("nonmyopic",), "f17_nonmyopic", nonmyopic.below_ceiling),
    Claim("B6a", "budget", "Labels bought <= B in every run of every gate, also under the evader", W26, "upper", NONE,
          (*GAMES, "digits", "peek"), "f6_followers", path.budget),
    Claim("B6b", "no peeking", "Decisions do not depend on the label of their own round", DERIVED, "upper", NONE,
          ("peek",), "f9_ledger", path.peeking),
    Claim("B7", "theorem 2", "llf_fixed without a cap: at most B labels, and theorem 2's regret bound on E", DERIVED,
          "upper", THEORY, ("theorem2",), "f9_ledger", path.theorem2),
    Claim("B8", "theorem 3", "llf_paced without a cap: thresholds never rise, a label stays unspent, bound on E",
          DERIVED, "upper", THEORY, ("theorem3",), "f5_trace", path.theorem3),
    Claim("B9a", "stated form", "R_T <= sqrt2 alpha sqrt(D_B) sqrt(B) + c_beta sqrt(B), beta from 0.005 to 1",
          W26_CONSTANTS, "upper", f"{THEORY}; c = c_beta (grows as 1/beta)", ("stated",), "f3_regret_B",
          rate.stated_c_beta),
    Claim("B9b", "stated form", "The same form with one beta-free c (theorem 1's constant at beta = 1)", W26,
          "ordering", f"{THEORY}; most generous beta-free constant", ("witness",), "f3_regret_B", rate.stated_free,
          expected=REFUTED),
    Claim("B10", "theorem 4", "Every gate's mean regret on the hard instance is at least the floor", DERIVED,
          "ordering", NONE, ("hard",), "f3_regret_B", rate.floor_holds),
    Claim("B11", "rate in beta", "Paced gates at fixed T: R grows like beta^(-1/2), interval inside [-0.6, -0.4]",
          DERIVED, "exponent", NONE, ("hard",), "f2_exponents", rate.exponent_beta),
    *(
        Claim(f"B12{letter}", "label efficiency", f"llf_paced needs fewer labels than {control} in every context",
              W26_CONTROLS, "ordering", NONE, ("efficiency",), "f4_efficiency", labels.efficiency(control))
        for letter, control in zip("abcd", ("random", "prefix", "margin", "dual"), strict=True)
    ),
    Claim("B13a", "exploitability", "Under the evader llf_fixed and llf_paced buy <= 5 % of B and lose to random",
          DERIVED, "ordering", NONE, ("followers",), "f6_followers", labels.exploited),
    Claim("B13b", "exploitability", "llf_split (prefix purse) is no worse than random at equal labels, evader and ball",
          DERIVED, "ordering", NONE, ("followers",), "f6_followers", labels.split_no_worse("llf_split_prefix")),
    Claim("B13c", "exploitability", "llf_split (random purse) is no worse than random at equal labels, evader and ball",
          DERIVED, "ordering", NONE, ("followers",), "f6_followers", labels.split_no_worse("llf_split_random")),
    Claim("L1", "routing", "LLF routing of a fraction beta: total latency <= OPT/beta for any latencies", CLASSICAL,
          "upper", NONE, ("routing",), "f10_routing", routing.l1),
    Claim("L2", "routing", "LLF routing, linear latencies: total latency <= 4/(3 + beta) OPT", CLASSICAL, "upper", NONE,
          ("routing",), "f10_routing", routing.l2),
    Claim("O1", "oracle", "Optimistic score: closed form = convex program to 1e-6", CLASSICAL, "certificate", NONE,
          ("certificates",), "f9_ledger", certificates.agrees("optimism")),
    Claim("O2", "oracle", "Ball best response: closed form = cone program to 1e-6", DERIVED, "certificate", NONE,
          ("certificates",), "f9_ledger", certificates.agrees("ball")),
    Claim("O3", "oracle", "Hindsight labels: the B largest latencies = linear program to 1e-6", DERIVED, "certificate",
          NONE, ("certificates",), "f9_ledger", certificates.agrees("hindsight")),
    *PREFERENCE,
    *LLM,
    Claim("B14a", "control", "Coverage with the radius scaled by 0.05", CONTROL, "coverage",
          "scaled radius, c = 0.05", ("controls",), "f7_coverage", path.coverage_control, expected=FAIL),
    Claim("B14b", "control", "No peeking, for a gate that peeks", CONTROL, "upper", NONE, ("peek",), "f9_ledger",
          path.peeking_control, expected=FAIL),
    Claim("B14c", "control", "Lemma 0, for a learner with a wrong update", CONTROL, "upper", NONE, ("controls",),
          "f9_ledger", path.lemma0_control, expected=FAIL),
    Claim("B14d", "control", "Theorem 1 with its constant divided by 100", CONTROL, "upper",
          f"{THEORY}; bound / 100", ("horizon",), "f9_ledger", path.theorem1_control, expected=FAIL),
)  # fmt: skip

INTERVAL_KINDS = ("coverage", "exponent", "ordering")
LEVEL = FAMILY_ERROR / sum(c.kind in INTERVAL_KINDS for c in LEDGER)


def chosen(ids: tuple[str, ...]) -> tuple[Claim, ...]:
    """The claims whose id or group is one of ``ids``."""
    return tuple(c for c in LEDGER if c.id in ids or c.group in ids)


def verify(tables: Tables, ids: tuple[str, ...] = ()) -> pd.DataFrame:
    """One verdict row for each claim, or for the chosen ones."""
    return pd.DataFrame([judge(c, tables, LEVEL) for c in (chosen(ids) if ids else LEDGER)])
