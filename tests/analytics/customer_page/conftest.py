"""A customer without any rows."""

from datetime import date

import pytest

from customers.models import Customer
from tests.factories import make_customer


@pytest.fixture
def customer() -> Customer:
    """A customer who signed up long before both dates."""
    return make_customer(signup_date=date(2025, 1, 1))
