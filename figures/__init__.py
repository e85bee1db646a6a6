"""Figures as functions of tables: pandas in, matplotlib ``Figure`` out.

No file of this room knows a spec, a simulator or a theorem.  ``tables`` checks and summarises,
``style`` holds the look, each family of figures has one file with ``NAME``, ``NEEDS`` (table -> columns)
and ``draw(tables)``, and ``gallery`` lists the families and saves their figures.
"""
