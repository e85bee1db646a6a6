"""Search for the instance that comes nearest to breaking a bound.

space      what a search may vary;  search: the search itself;  simplest: smaller instances
tightness  measured over bound, in runs and at the worst that was found
"""
