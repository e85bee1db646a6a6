"""What is played, by subject; ``sim.sweeps`` gathers it.

parts    gates, arenas, planners;  rates  growth in T, d and beta, the stated form, the floor
gates    what every gate does: coverage, the LLF theorems, labels saved, followers, peeking, planted faults
insured  followers that bait, coins that insure;  shown  runs to be looked at, real data

A module that lists ``SWEEPS`` is found: a new sweep is one function there.
"""
