"""Suggested weights: whole points by hand, what is learnt from which months, and that nothing is published."""

from datetime import date
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from analytics.models import ScoringPolicy
from analytics.policy_lab.back_test.suggestion import NothingToSuggest, learnt_from, suggest, whole_points
from customers.models import AuditEntry
from tests.factories import make_staff
from tests.support.back_tests import back_test, keep, made_up
from tests.support.policies import make_draft

pytestmark = pytest.mark.django_db


def weights(**known: float) -> dict[str, float]:
    return {**dict.fromkeys(("activity", "pr_success", "adoption", "support", "nps"), 0.0), **known}


def test_whole_points_by_hand() -> None:
    # 50, 25 and 25: adoption goes in fours, so 24; of the other 76 two thirds and one third, 50.67 and 25.33.
    assert whole_points(weights(activity=2, pr_success=1, adoption=1)) == weights(
        activity=51, pr_success=25, adoption=24
    )
    assert whole_points(weights(adoption=0.1)) == weights(adoption=100)
    assert whole_points(weights(nps=3)) == weights(nps=100)
    # A third each: of equals the first gets the point that is left.
    assert whole_points(weights(activity=1, support=1, nps=1)) == weights(activity=34, support=33, nps=33)


def test_the_newest_third_is_judged_and_what_was_not_known_then_is_not_learnt_from() -> None:
    ends = [date(2025, 1, 31), date(2025, 2, 28), date(2025, 3, 31)]
    # The 30 days after 28 Feb end on 30 Mar.
    assert learnt_from(ends) == ends[:2]
    # Those after 31 Jan end on 2 Mar, when 28 Feb is to be judged.
    assert learnt_from([date(2024, 12, 31), *ends[:2]]) == [date(2024, 12, 31)]
    with pytest.raises(NothingToSuggest, match="It takes 3 month ends with known outcomes; there are 2"):
        learnt_from(ends[:2])


def test_what_tells_of_silences_gets_the_points_as_a_new_draft() -> None:
    draft = make_draft(cohorts=["VIP"])
    asked = keep(back_test(draft), made_up(1, shuffled=False))
    before = AuditEntry.objects.count()
    made = suggest(asked, "mary")
    assert made.maxima["activity"] >= 80
    assert sum(made.maxima.values()) == 100
    # What is the same for everybody tells nothing.
    assert (made.support_max, made.nps_max) == (0, 0)
    # As much a day of the most as before: 5 of 30.
    assert made.activity_points_per_day == (2 * made.activity_max * 5 + 30) // 60
    assert (made.is_draft, made.made_by, made.copied_from, made.cohorts) == (True, "mary", draft, ["VIP"])
    assert (made.name, made.learnt_through) == ("Draft, suggested weights", date(2025, 4, 28))
    assert (made.pr_days, made.champion_from) == (draft.pr_days, draft.champion_from)
    assert AuditEntry.objects.count() > before
    assert suggest(asked, "mary").name == "Draft, suggested weights 2"
    assert ScoringPolicy.objects.published().count() == 1


def test_points_lost_for_a_request_follow_their_maximum() -> None:
    months = made_up(1, shuffled=False)
    for one in months.values():
        one.shares["support"], one.shares["activity"] = one.shares["activity"], one.shares["support"]
    made = suggest(keep(back_test(make_draft()), months), "mary")
    assert made.support_max >= 80
    assert made.support_points_per_request == (Decimal("2.5") * made.support_max / 15).quantize(Decimal("0.01"))


def test_only_customers_whom_the_draft_scores_are_learnt_from() -> None:
    months = made_up(1, shuffled=False)
    for one in months.values():
        one.by_draft[:] = [False] * len(one.customers)
    with pytest.raises(NothingToSuggest, match="Too few outcomes to learn from"):
        suggest(keep(back_test(make_draft()), months), "mary")


def test_where_points_mean_silence_there_is_nothing_to_suggest() -> None:
    months = made_up(1, shuffled=False)
    for one in months.values():
        one.shares.update({name: [100] * len(one.customers) for name in one.shares})
        one.shares["activity"] = [100 * quiet for quiet in one.went_quiet]
    with pytest.raises(NothingToSuggest, match="No component says anything"):
        suggest(keep(back_test(make_draft()), months), "mary")


def test_it_is_learnt_from_a_whole_back_test(client: Client) -> None:
    draft = make_draft()
    asked = keep(back_test(draft), made_up(1, shuffled=False))
    draft.trials.first().delete()
    with pytest.raises(NothingToSuggest, match="Back-test the draft first"):
        suggest(asked, "mary")
    client.force_login(make_staff("Program manager"))
    address = reverse("analytics:suggest-weights", args=[draft.pk])
    assert client.get(address, follow=True).status_code == 200
    assert ScoringPolicy.objects.count() == 2
