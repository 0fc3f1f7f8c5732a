"""The mark of what only the deep run keeps, on single values of a parameter."""

from typing import Any

import pytest


def deep(value: Any) -> Any:
    """Return a parameter's value whose tests are run by `make test-deep`.

    The same promise over one more backend, or at length: the quick run keeps the other values.
    """
    return pytest.param(value, marks=pytest.mark.deep)
