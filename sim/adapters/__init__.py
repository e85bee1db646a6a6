"""The gates among their neighbours, both ways; each file needs its library (extra ``adapters``).

activeml  a gate as a scikit-activeml BudgetManager and stream query strategy; their managers as gates
gym       the leader's problem as a Gymnasium environment;  episode: its rounds
"""
