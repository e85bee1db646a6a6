"""Judges of the ledger: each reads results tables and returns a finding, and nothing is played here.

path        what must hold in every run;  rate: exponents and floors;  labels: label efficiency
preference  the preference game;  llm: tuned language models
plugin      a user's gate, follower or learner in preflight
"""
