"""The examples in docstrings are true, and every rule of the game has one."""

import doctest
import importlib
import pkgutil

import pytest

import sim.rules

RULES = sorted(module.name for module in pkgutil.iter_modules(sim.rules.__path__))


@pytest.mark.parametrize("name", RULES)
def test_examples_of_a_rule(name):
    module = importlib.import_module(f"sim.rules.{name}")
    failed, tried = doctest.testmod(module)
    assert failed == 0
    shown = doctest.DocTestParser().get_examples(module.__doc__)
    assert shown, f"sim.rules.{name} shows no example"
    assert tried >= len(shown)
