"""Gates outside the simulator: one round at a time, with labels that are really bought.

gate      LiveGate: any gate, asked and settled in turn, with saved state and a hard budget
rule      which rule a live gate plays: built in, from the user's file, or given
source    where labels come from: a recorded column, a function;  Ledger: a purse that refuses
queue     a person: prompts out, answers in, nothing asked twice;  journal: its crash-safe log
money     budgets in money, in whole millionths
"""
