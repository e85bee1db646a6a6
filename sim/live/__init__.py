"""Gates outside the simulator: one round at a time, with labels that are really bought.

gate      LiveGate: any gate, asked and settled in turn, with a saved state and a hard budget
saved     its saved state: what is in it, and why a damaged one is refused
rule      which rule a live gate plays: a built-in gate's, that of a user's file, or one that is given
source    where labels come from: a recorded column, a function;  Ledger: caps on labels and money
queue     a person as a source: prompts out, answers in, nothing asked twice;  journal: its crash-safe log
money     amounts of money in whole millionths
"""
