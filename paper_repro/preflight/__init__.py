"""Preflight: is a user's gate, follower or learner fit for a full run?

battery    the checks as data, and the run through them;  bench: what is played, once
interface signals checks    honesty: budget, peeking, latency, coverage, determinism, resumption
rivals search               where it wins, how regret grows, where it breaks
follower learner            the batteries of the other two parts
outcome size                verdict of a check; how much is played
page command                the HTML page and the verdict file; the command line
"""
