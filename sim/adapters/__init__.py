"""Bridges to other libraries, in both directions; each file needs its library (extra ``adapters``).

activeml   a gate as a scikit-activeml budget manager and stream query strategy; their managers as gates
overspend  how many labels their managers buy beyond a budget
gym        the leader's problem as a Gymnasium environment;  episode: its rounds
"""
