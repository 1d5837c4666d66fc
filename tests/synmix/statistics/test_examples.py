"""The examples of the documentation are true."""

import doctest
import importlib
import pkgutil

import pytest

import synmix.statistics

MODULES = [f"synmix.statistics.{module.name}" for module in pkgutil.iter_modules(synmix.statistics.__path__)]
#: What the face shows without an example of its own: data that its functions return, and names of types.
_TYPES = {"Alternative", "Answer", "Spending"}


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    module = importlib.import_module(name)
    found = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert found.attempted > 0
    assert found.failed == 0


def test_every_function_of_the_face_has_an_example():
    finder = doctest.DocTestFinder(recurse=False)
    for name in set(synmix.statistics.__all__) - _TYPES:
        shown = getattr(synmix.statistics, name)
        if not isinstance(shown, type):
            assert any(test.examples for test in finder.find(shown, name)), name
