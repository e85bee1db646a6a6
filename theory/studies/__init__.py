"""Tables that theory makes itself, in cells that are played apart, kept and resumed.

study         what a study is
certificates  routing instances, closed forms against programs;  determinism: mixed gates
nonmyopic     a follower that plans, and why none beats d^(1/2)
preference*   the preference game's studies;  sup_regret: the adversary behind them
"""
