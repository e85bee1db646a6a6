"""Studies that need the engine and the oracles together, one a file.

worst        the committed worst instances, replayed
determinism  the evader against thresholds, lots, and both
information  each gate's purchases over the best possible ones on the vectors that it met
digits       the best fixed scorer of every order of digits, and its mistakes where a gate bought
"""
