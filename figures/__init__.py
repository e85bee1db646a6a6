"""Figures as functions of tables: pandas in, matplotlib ``Figure`` out.

No file of this package knows a specification, a simulator or a theorem.  ``style`` holds the look that all figures
share, ``tables`` checks and summarises what they read, ``gallery`` finds them and turns them into files' bytes, and
``preflight`` draws the rows of another page.  Every other file is one figure, with ``NAME``, ``TITLE``, ``CAPTION``,
``NEEDS`` (table -> columns) and ``draw(tables)``: to add a figure, add a file.

Throughout, a gate is the rule that decides in each round whether its label is bought, a follower is the opponent who
chooses what the learner is shown, T counts rounds, and at most B = βT labels may be bought.
"""
