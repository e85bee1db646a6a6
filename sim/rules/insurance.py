"""A coin beside any gate: a share of the budget is spent by lot, whatever the gate does with the rest.

``GateSpec.coin_share`` = s > 0 splits B labels into two purses.  The coin's holds floor(s B), at least one, and is
spent as the gate ``random`` spends its own: in round t with probability (its labels left)/(T - t), so all of it.  The
gate's holds the others, and its rule plays as if it were alone with them: B, D_B, ``left`` are those of its own purse.
The coin is tossed first; where it buys, the gate's purse pays nothing.  The learner learns from every label.

What it insures: E R_T <= ``theory.expected.theorem8_random`` with floor(s B) labels, against every follower that does
not see the coin and for every gate.  The price is what the other labels no longer buy.

What stays true of the gate: theorem 3's argument needs thresholds that never rise and one label that is never spent,
so llf_paced must not count what the coin bought.  It shares out D_B of its own budget less the information of its own
labels, psi - coin_psi.  On top of the coin's labels these teach at most what they would teach alone (a larger design
makes every width smaller), hence at most D_B (lemma 0): the threshold falls with each of them, stands still where the
coin buys, and never exceeds D_B/B of its own budget.  If it counted all the information, the coin's labels would use up
D_B, the threshold would fall to 0, and the purse would be emptied on rounds that teach nothing.  Derived here;
``llf_split`` keeps its first purse in the same way.

One uniform number is coin enough for both, because given that it did not fire it is uniform on what is left:

>>> from sim.rules import insurance
>>> insurance.fresh(coin=0.4, chance=0.2)          # 0.4 is a quarter of the way from 0.2 to 1
0.25
>>> insurance.fresh(coin=1.0, chance=1.0)          # a follower asks with coin = 1, which never fires
1.0
"""

from sim.rules import codes


def chance(g, p, t):
    """Probability with which the coin buys in round t (0-based), from its purse: 0 where there is none."""
    return p.coin_left / (g.T - t)


def pays(g, p, x, reason):
    """Whether the coin's purse pays for a round: the coin fired, or an open answer finds the gate's own purse empty."""
    if p.coin_left <= 0:
        return False
    fired = reason == codes.FORCED and x.coin < chance(g, p, x.t)
    return fired or (reason == codes.OPENED and g.cap and p.left <= 0)


def fresh(coin, chance):
    """A coin for the gate's own use, uniform on (0, 1) given that ``coin`` >= ``chance``."""
    return (coin - chance) / (1.0 - chance) if chance < 1.0 else coin
