"""The large demo program: clean files that end on a day, the same each time, with enough to learn a forecast from."""

from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from django.conf import settings as project

from analytics.forecast.evidence import evidence
from analytics.forecast.learning import learning_rows
from analytics.forecast.load import load_program
from analytics.forecast.quiet import QUIET
from analytics.models import ScoringPolicy
from customers.clock import program_today
from customers.models import Customer, Engagement, Onboarding, QuarantinedRow, data_date
from rsolv_cs.operations.demo_feeds import write_feeds
from rsolv_cs.operations.demo_work import add_draft, add_history
from rsolv_cs.operations.large_program import NEW_CUSTOMERS, add_customers
from tests.factories import make_staff
from tests.support.loading import load

LAST = date(2026, 11, 28)


def files(folder: Path) -> Path:
    write_feeds(project.BASE_DIR / "fixtures", folder, LAST)
    add_customers(folder, LAST)
    return folder


def test_it_is_the_same_each_time(tmp_path: Path) -> None:
    one, other = files(tmp_path / "a"), files(tmp_path / "b")
    assert [path.read_bytes() for path in sorted(one.iterdir())] == [
        path.read_bytes() for path in sorted(other.iterdir())
    ]


@pytest.mark.django_db
def test_every_row_is_loaded_and_a_forecast_has_enough_to_learn_from(tmp_path: Path) -> None:
    assert program_today() >= LAST
    folder = files(tmp_path)
    for name in ("customers", "onboarding", "engagement", "feedback", "events"):
        load(folder, name)
    assert not QuarantinedRow.objects.exists()
    assert Customer.objects.count() == 12 + NEW_CUSTOMERS
    assert data_date() == LAST
    # Who has generated a PR has taken the step, and nobody merges more than was generated.
    with_pr = Engagement.objects.filter(prs_generated__gt=0).values("customer")
    assert not Onboarding.objects.filter(customer__in=with_pr, first_pr_generated=False).exists()
    assert not any(
        merged + rejected > generated
        for generated, merged, rejected in Engagement.objects.filter(customer__gte="c2").values_list(
            "prs_generated", "prs_merged", "prs_rejected"
        )
    )
    program = load_program(LAST)
    assert evidence(learning_rows(program, QUIET, LAST.toordinal()), LAST).method == "logistic"


@pytest.mark.django_db
def test_its_customers_have_owners_and_half_a_year_of_work(tmp_path: Path) -> None:
    folder = files(tmp_path)
    load(folder, "customers")
    for name in ("manager", "success"):
        make_staff("Success manager", username=name)
    add_history(LAST)
    add_draft()
    draft = ScoringPolicy.objects.get(made_by="manager")
    assert (draft.is_draft, draft.activity_max, draft.copied_from.name) == (True, 40, "v1")
    draft.full_clean()
    cared = Customer.objects.filter(care__owner__isnull=False)
    assert 80 < cared.count() < NEW_CUSTOMERS
    kinds = Counter(cared.values_list("tasks__kind", flat=True))
    assert {"call", "email"} <= set(kinds)
    assert cared.filter(notes__kind="call").exists()
    assert cared.filter(mails__state="sent").exists()
