"""Judges of the ledger: each reads results tables and returns a finding, and nothing is played here.

path          what must hold in every run (B1-B3, B6-B8, B15)
expected      theorems in expectation (T6-T9);  determinism: the value of commitment (D1-D3)
rate          exponents, the stated form and the floor (B4, B5, B9-B11)
labels        label efficiency and exploitability (B12, B13)
routing       Roughgarden's guarantees (L1, L2);  certificates: closed forms against programs (O1-O3)
preference    the preference game: duals and limits (S1-S3, S8, S11-S14), _regret (S4, S5), _rounds (S6, S7, S9, S10)
llm           encoders on texts (M1-M4);  lm: generative language models, answers and preferences (M5-M12)
plugin        a user's gate, follower or learner in preflight; it has no row in the ledger

A module that lists ``CLAIMS`` is found by ``theory.claims``: a new claim is one entry there, its judge and a test.
"""
