"""A frozen model: its features are recorded once, and the gates play on them.

play  one run;  features: kept on disk by content;  ridge: the regression on blocks of rows
candidates  multiple choice
"""
