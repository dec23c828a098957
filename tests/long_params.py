"""Parameters of tests, some of which are for `make long` alone."""

import pytest
from _pytest.mark import ParameterSet


def param(value: object, name: str, *, is_long: bool) -> ParameterSet:
    """This value under this name."""
    return pytest.param(value, marks=(pytest.mark.long,) if is_long else (), id=name)
