"""The declarations of the kinds: SQL and Python say the same, and a recommendation says it too."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from analytics.alerts.candidates import inputs_of
from analytics.alerts.kinds import CUSTOMER_KINDS
from analytics.models import AlertRule, Forecast, HealthStatus, RecommendationRule, Snapshot
from analytics.tasks.conditions import matching_reason
from tests.factories import make_alert, make_customer, make_day, make_snapshot
from tests.support.selection import examples_of_a_push

D = date(2025, 5, 10)
before = st.integers(1, 9).map(lambda days: D - timedelta(days=days))
facts = {
    "score": st.integers(0, 100),
    "status": st.sampled_from(HealthStatus.values),
    "onboarded": st.booleans(),
    "first_pr_generated": st.booleans(),
    "prs_generated": st.integers(0, 2),
    "blocker_type": st.sampled_from(["", "sso"]),
}
customers = st.fixed_dictionaries(
    {
        "signup_date": st.integers(0, 40).map(lambda days: D - timedelta(days=days)),
        "now": st.fixed_dictionaries(facts),
        "earlier": st.dictionaries(before, st.fixed_dictionaries(facts), max_size=3),
        "quiet": st.none() | st.sampled_from([0, 494, 495, 1_000]),
    }
)


@pytest.mark.django_db
class Agreement(TestCase):
    """For each kind, the customers whom SQL selects are those of whom Python says that the condition is met."""

    @hypothesis_settings(max_examples=examples_of_a_push(40))
    @given(st.lists(customers, min_size=1, max_size=3), st.sampled_from([1, 3, 14, 50]))
    def test_in_python_and_in_sql(self, rows: list[dict[str, Any]], n: int) -> None:
        make_day(date=D)
        stored = [make_customer(signup_date=row["signup_date"]) for row in rows]
        for customer, row in zip(stored, rows, strict=True):
            for day, values in {**row["earlier"], D: row["now"]}.items():
                make_snapshot(customer, date=day, **values)
            if row["quiet"] is not None:
                Forecast.objects.create(date=D, customer=customer, quiet=row["quiet"])
        for name, kind in CUSTOMER_KINDS.items():
            rule = AlertRule.objects.get(kind=name)
            rule.threshold = n
            snapshots = Snapshot.objects.filter(date=D).annotate(**kind.columns(D, n))
            selected = set(snapshots.filter(kind.concerns(D, n)).values_list("customer_id", flat=True))
            for customer in stored:  # Who has an alert is judged whatever SQL says of it.
                make_alert(customer, name)
            met = {inputs.customer_id for inputs in inputs_of(kind, rule, D) if kind.is_met(inputs, n)}
            # Of the blocked, SQL finds all, for how long being told by their histories.
            assert met == selected or (name == "blocked" and met <= selected), name


@pytest.mark.django_db
@pytest.mark.parametrize(("flag", "generated", "is_met"), [(False, 0, True), (False, 3, True), (True, 0, False)])
def test_no_first_pr_is_the_step_that_is_not_done_whatever_was_counted(
    flag: bool, generated: int, is_met: bool
) -> None:
    """As the onboarding shows it, in the alert as in the recommendation."""
    make_day(date=D)
    customer = make_customer(signup_date=D - timedelta(days=14))
    snapshot = make_snapshot(customer, date=D, first_pr_generated=flag, prs_generated=generated)
    rule = AlertRule.objects.get(kind="no_first_pr")
    found = [inputs.customer_id for inputs in inputs_of(CUSTOMER_KINDS["no_first_pr"], rule, D)]
    assert found == ([customer.pk] if is_met else [])
    reason = matching_reason(snapshot, RecommendationRule(condition="no_first_pr", threshold=14))
    assert reason == ("No first PR 14 days after signup" if is_met else None)
