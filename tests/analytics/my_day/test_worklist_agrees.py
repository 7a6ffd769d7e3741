"""The worklist, read page by page, is the list that is worked out here for each customer by itself."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.paginator import Paginator
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from analytics.models import Deferral, Task
from analytics.my_day.members import NOBODY, TEAM
from analytics.my_day.worklist import newest_days, to_do_counts, worklist
from analytics.page_cache.version import DataVersion, StateVersion
from analytics.urgency.stored import KEPT, keep_newest
from customers.clock import program_today
from tests.factories import make_alert, make_day, make_staff
from tests.support.my_day import D, customer
from tests.support.pages import forget
from tests.support.selection import examples_of_a_push

Drawn = dict[str, Any]
VERSION = StateVersion(1, "", 0, DataVersion(1, "", 1))
drawn = st.fixed_dictionaries(
    {
        "before": st.none() | st.just(70),
        "score": st.sampled_from([40, 60, 61, 80]),
        "blocked": st.booleans(),
        "alert": st.booleans(),
        "due": st.none() | st.sampled_from([-1, 0, 3]),
        "snoozed": st.booleans(),
        "owned": st.booleans(),
    }
)


def place(row: Drawn) -> tuple[int, int] | None:
    """Severity and score of a customer on the list; None of who is not on it. Below 50 it is at risk."""
    fell = row["before"] is not None and row["score"] <= row["before"] - 10
    reasons = (
        row["score"] < 50 and fell,
        row["score"] < 50,
        fell,
        row["blocked"],
        False,
        row["alert"],
        row["due"] is not None and row["due"] <= 0,
    )
    return (reasons.index(True), row["score"]) if True in reasons else None


def waits(row: Drawn) -> bool:
    """Whether it was put aside, or has a task for later alone; the alert was raised after both."""
    return not row["alert"] and (row["snoozed"] or row["due"] == 3)


def make(key: str, row: Drawn, owner: Any) -> None:
    status = "at_risk" if row["score"] < 50 else "healthy"
    made = customer(
        key,
        owner if row["owned"] else None,
        before=row["before"],
        score=row["score"],
        status=status,
        blocker_type="sso" if row["blocked"] else "",
    )
    if row["snoozed"]:
        Deferral.objects.create(customer=made, until=program_today() + timedelta(days=9), created_by="sofia")
    if row["due"] is not None:
        Task.objects.create(
            customer=made,
            what="Call",
            due=program_today() + timedelta(days=row["due"]),
            owner=owner,
            created_by="sofia",
        )
    if row["alert"]:
        make_alert(made)


@pytest.mark.django_db
class Agreement(TestCase):
    """Of all pages, whether the part by health is stored or not."""

    @hypothesis_settings(max_examples=examples_of_a_push(30), deadline=None)
    @given(st.lists(drawn, max_size=12), st.booleans())
    def test_of_all_pages_and_all_counts(self, rows: list[Drawn], stored: bool) -> None:
        forget()
        make_day(date=D - timedelta(days=7))
        make_day(date=D)
        owner = make_staff("Program manager")
        for number, row in enumerate(rows):
            make(f"c{number:02}", row, owner)
        if stored:
            keep_newest(KEPT)
        day, before = newest_days(VERSION.data)
        assert day is not None
        assert day.urgency_stored == stored
        found = [(*at, number) for number, row in enumerate(rows) if (at := place(row)) and not waits(row)]
        whose = {TEAM: found, str(owner.pk): [], NOBODY: []}
        for one in found:
            whose[str(owner.pk) if rows[one[2]]["owned"] else NOBODY].append(one)
        for name, theirs in whose.items():
            pages = Paginator(worklist(day, before, name, program_today(), VERSION).to_do, 2)
            read = [member.customer for number in pages.page_range for member in pages.page(number)]
            assert read == [f"c{number:02}" for *_at, number in sorted(theirs)]
        counts = to_do_counts(day, before, tuple(whose), program_today(), VERSION)
        assert counts == {name: len(theirs) for name, theirs in whose.items()}
