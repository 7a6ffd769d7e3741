"""Why somebody must act on a customer: SQL lists those of whom Python names a reason."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from analytics.models import Forecast, HealthStatus
from analytics.my_day.items import work_items
from analytics.my_day.members import WorkMember
from analytics.my_day.worklist import by_health_alone
from analytics.page_cache.version import DataVersion
from customers.models import Customer
from tests.factories import make_customer, make_day, make_snapshot
from tests.support.pages import forget
from tests.support.selection import examples_of_a_push

D = date(2025, 5, 10)
BEFORE = date(2025, 5, 3)
health = st.fixed_dictionaries({"score": st.sampled_from([40, 49, 50, 60]), "status": st.sampled_from(HealthStatus)})
customers = st.fixed_dictionaries(
    {
        "age": st.sampled_from([6, 7, 60]),
        "contract": st.sampled_from(Customer.Status),
        "then": st.none() | health,
        "now": health,
        "blocker": st.sampled_from(["", "sso"]),
        "quiet": st.none() | st.sampled_from([0, 494, 495, 1_000]),
    }
)


@pytest.mark.django_db
class Agreement(TestCase):
    """Whom the query finds, and of whom a reason is told."""

    @hypothesis_settings(max_examples=examples_of_a_push(40))
    @given(st.lists(customers, min_size=1, max_size=4))
    def test_in_python_and_in_sql(self, rows: list[dict[str, Any]]) -> None:
        forget()
        day, before = make_day(date=D), make_day(date=BEFORE)
        snapshots = {}
        for row in rows:
            customer = make_customer(signup_date=D - timedelta(days=row["age"]), status=row["contract"])
            if row["then"]:
                make_snapshot(customer, date=BEFORE, **row["then"])
            snapshots[customer.pk] = make_snapshot(customer, date=D, blocker_type=row["blocker"], **row["now"])
            if row["quiet"] is not None:
                Forecast.objects.create(date=D, customer=customer, quiet=row["quiet"])
        members = by_health_alone(day, before, DataVersion(1, "", 1))
        everybody = [WorkMember(pk, one.pk, 0, one.score) for pk, one in snapshots.items()]
        told = {one.customer.pk for one in work_items(day, before, everybody) if one.reasons}
        assert {*members.customers} == told
