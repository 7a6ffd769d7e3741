"""What the models of the feeds declare, and the day that the data are of."""

from datetime import date
from itertools import permutations

import pytest

from customers.models import Customer, data_date
from tests.factories import make_customer, make_engagement


def test_a_contract_is_over_for_every_customer_but_an_active_one_and_a_trial() -> None:
    assert Customer.Status.over() == {"paused", "inactive", "churned"}


DAYS = [date(2025, 5, day) for day in (1, 2, 3, 4)]


@pytest.mark.django_db
@pytest.mark.parametrize("days", list(permutations(DAYS)), ids=str)
def test_the_data_are_of_the_newest_day_whichever_row_came_last(days: tuple[date, ...]) -> None:
    one, other = make_customer(), make_customer()
    for place, day in enumerate(days):
        make_engagement((one, other)[place % 2], day, provisional=day == DAYS[2])
    assert data_date(DAYS[3]) == DAYS[3]
    # The fourth is still to come, and the third was only reported.
    assert data_date(DAYS[2]) == DAYS[1]
    assert data_date(date(2025, 4, 1)) == date(2025, 4, 1)


@pytest.mark.django_db
def test_without_any_row_of_a_file_the_newest_day_is_what_was_reported() -> None:
    make_engagement(make_customer(), DAYS[0], provisional=True)
    assert data_date(DAYS[3]) == DAYS[0]
