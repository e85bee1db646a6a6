"""The game on a generative language model: candidate answers, preference pairs, and what their labels teach.

packed      a prompt and its candidates in one row that shares the prompt
language    the model: a frozen trunk whose states are computed once, a top that is tuned
pools       the stream: prompts with N candidates each, from a file of answers, classes or preference pairs
features    phi(x, y) of pooled states;  learner: the simulator's ridge on them, refreshed after every refit
objective   losses of answers and of preferences;  policy: the optimiser;  annotate: labels of one's own
spec        studies and cells;  stream, play: one stream under its gates;  run: every missing cell, tables
command     the command line;  tiers, tiny: reference studies
"""
