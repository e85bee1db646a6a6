"""Judges of the ledger: each reads results tables and returns a finding, and nothing is played here.

path          what must hold in every run (B1-B3, B6-B8, the controls B14)
rate          exponents, the stated form and the floor (B4, B5, B9-B11)
labels        label efficiency and exploitability (B12, B13)
routing       Roughgarden's guarantees (L1, L2);  certificates: closed forms against programs (O1-O3)
preference    the preference game (S1-S10);  llm: tuned language models (M1-M4)
plugin        a user's gate, follower or learner in preflight; it has no row in the ledger

A module that lists ``CLAIMS`` is found by ``theory.claims``: a new claim is one entry there, its judge and a test.
"""
