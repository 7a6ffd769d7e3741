"""What a query says of a snapshot, and what the snapshot itself says, are the same whatever its values."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.customer_list.columns import TABLE_COLUMNS
from analytics.models import Snapshot
from analytics.portfolio.score_change import ScoreChanges
from tests.factories import make_customer, make_snapshot
from tests.support.databases import examples

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)
SNAPSHOTS = st.lists(
    st.fixed_dictionaries(
        {
            "onboarded": st.booleans(),
            "blocker_type": st.sampled_from(["", "github_permissions", "0"]),
            "last_active": st.sampled_from([None, D, D - timedelta(days=1)]),
            "active_weeks": st.integers(0, 2**52 - 1),
            "prs_generated": st.integers(0, 40),
            "prs_merged": st.integers(0, 40),
        }
    ),
    min_size=1,
    max_size=8,
)
OWN = settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class _Undone(Exception):
    pass


@OWN
@given(rows=SNAPSHOTS, week=st.integers(0, 51))
def test_queries_and_properties_agree(rows: list[dict[str, Any]], week: int) -> None:
    with pytest.raises(_Undone), transaction.atomic():
        for number, row in enumerate(rows):
            make_snapshot(make_customer(id=f"c{number}"), date=D, **row)
        all_of_them = Snapshot.objects.all()
        found = list(all_of_them)
        assert set(all_of_them.blocked()) == {one for one in found if one.blocked}
        assert set(all_of_them.active_today()) == {one for one in found if one.days_since_active == 0}
        quiet = all_of_them.alias(bit=F("active_weeks").bitand(1 << week)).filter(bit=0)
        assert set(quiet) == {one for one in found if not one.active_weeks >> week & 1}
        assert_in_order(TABLE_COLUMNS["success_rate"].order)
        raise _Undone


def assert_in_order(order: Any) -> None:
    """The whole percentages rise, or fall; those without any PR come last in either order."""
    for is_descending in (False, True):
        ordered = order(Snapshot.objects.all(), is_descending, ScoreChanges(D))
        rates = [one.success_rate for one in ordered]
        known = [rate for rate in rates if rate is not None]
        assert rates == [*sorted(known, reverse=is_descending), *[None] * (len(rates) - len(known))]
