"""A HubSpot of our own, and databases that other processes use too."""

from collections.abc import Iterator

import pytest

from tests.support.hubspot import FakeHubSpot, fake_hubspot
from tests.support.own_databases import own, unblocked

__all__ = ["own", "unblocked"]


@pytest.fixture
def hubspot() -> Iterator[FakeHubSpot]:
    with fake_hubspot() as served:
        yield served
        assert served.violations == []
