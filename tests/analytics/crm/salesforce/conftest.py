"""A Salesforce of our own for each test, and the adapter that pushes to it."""

from collections.abc import Iterator

import pytest

from tests.support.salesforce import FakeSalesforce, salesforce


@pytest.fixture
def server() -> Iterator[FakeSalesforce]:
    with salesforce() as server:
        yield server
