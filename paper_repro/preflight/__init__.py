"""Preflight: is a user's gate, follower or learner fit for a full run?

battery    the checks as data, and the run through them;  bench: how the part and its rivals are played
interface signals checks    a gate's honesty: budget, peeking, latency, coverage, determinism, resumption
rivals search               where a gate wins, how its regret grows, where it breaks
follower learner            the batteries of the other two parts
outcome size                a check and its verdict; how much is played
page command                the HTML page and the verdict file; the command line
"""
