"""Somebody who assigns owners, and customers without them."""

import pytest
from django.contrib.auth.models import User

from tests.factories import make_staff
from tests.support.owners import three

__all__ = ["three"]


@pytest.fixture
def sofia() -> User:
    """A success manager."""
    return make_staff("Success manager", username="sofia", first_name="Sofia", last_name="Marchetti")
