"""The admin's list and form of policies: who sees what of them, copies, segments, and the sum of the maxima."""

import re
from collections.abc import Callable
from datetime import date

import pytest
from django.test import Client

from analytics.models import PolicyTrial, ScoringPolicy
from customers.models import AuditEntry
from tests.factories import make_customer, make_day, make_policy, make_staff
from tests.support.forms import form_on
from tests.support.pages import words
from tests.support.policies import make_draft

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("the_day_after")]

LIST = "/admin/analytics/scoringpolicy/"
ADD = f"{LIST}add/"


@pytest.fixture
def manager(client: Client) -> Client:
    """Paula, who steers the program, logged in."""
    client.force_login(
        make_staff("Program manager", username="paula", first_name="Paula", last_name="Voss", is_superuser=False)
    )
    return client


def form_of(policy: ScoringPolicy) -> str:
    return f"{LIST}{policy.pk}/change/"


def row_of(page: str, name: str) -> str:
    [row] = [one for one in re.findall(r"<tr\b.*?</tr>", page, re.DOTALL) if f">{name}<" in one]
    return words(row)


# --- The list -------------------------------------------------------------------------------------------------------


def test_the_list_says_state_segment_dates_and_people(manager: Client) -> None:
    make_policy("v2", effective_from=date(2025, 5, 1), published_by="paula", published_at="2025-04-30T10:00Z")
    make_policy("Next", effective_from=date(2025, 6, 1))
    make_policy("VIPs", cohorts=["VIP"], effective_until=date(2025, 7, 1))
    make_draft("Idea", stages=["onboarding"], made_by="paula", made_at="2025-05-02T10:00Z")
    page = manager.get(LIST).text
    made = "Paula Voss, 2 May 2025, 10:00 – Open in the lab Copy as draft"
    assert f"Idea Draft Stage Onboarding – {made}" in row_of(page, "Idea")
    assert "Next Planned Everybody 1 Jun 2025" in row_of(page, "Next")
    assert "VIPs In force Cohort VIP 10 May 2025 to 1 Jul 2025" in row_of(page, "VIPs")
    assert "v2 In force Everybody 1 May 2025 – Paula Voss, 30 Apr 2025, 10:00" in row_of(page, "v2")
    assert "v1 No longer in force Everybody 1 Jan 2000" in row_of(page, "v1")


def test_who_only_looks_is_offered_nothing(client: Client) -> None:
    draft = make_draft("Idea")
    client.force_login(make_staff("Viewer"))
    assert "Copy as draft" not in client.get(LIST).text
    page = client.get(form_of(draft)).text
    assert "Publish…" not in page and "Copy as draft" not in page


# --- Drafts ---------------------------------------------------------------------------------------------------------


def test_a_copy_begins_with_the_values_of_the_original_and_stores_nothing_before_it_is_sent(manager: Client) -> None:
    make_customer(cohort="VIP")
    original = make_policy("VIPs", cohorts=["VIP"], stages=["onboarding"], nps_days=90)
    page = manager.get(f"{ADD}?copy={original.pk}")
    assert ScoringPolicy.objects.count() == 2
    sent = form_on(page, "nps_days", nps_days="60")
    assert (sent["name"], sent["cohorts"], sent["stages"]) == ("VIPs (copy)", "VIP", "onboarding")
    assert manager.post(f"{ADD}?copy={original.pk}", sent).status_code == 302
    draft = ScoringPolicy.objects.get(name="VIPs (copy)")
    assert (draft.state, draft.made_by, draft.copied_from) == ("draft", "paula", original)
    assert draft.segment == original.segment
    assert draft.numbers == {**original.numbers, "nps_days": 60}
    assert AuditEntry.objects.latest("pk").subject == "VIPs (copy)"


def test_a_copy_of_suggested_weights_is_judged_by_the_same_month_ends(manager: Client) -> None:
    original = make_draft("Suggested", learnt_through=date(2025, 4, 30))
    page = manager.get(f"{ADD}?copy={original.pk}")
    assert manager.post(f"{ADD}?copy={original.pk}", form_on(page, "nps_days")).status_code == 302
    assert ScoringPolicy.objects.get(name="Suggested (copy)").learnt_through == date(2025, 4, 30)


def test_who_saves_a_draft_sees_what_it_would_do(manager: Client) -> None:
    first = manager.get(f"{ADD}?copy={ScoringPolicy.objects.get().pk}")
    answer = manager.post(ADD, form_on(first, "nps_days"))
    draft = ScoringPolicy.objects.get(name="v1 (copy)")
    lab = f"/admin/policy-lab/{draft.pk}/"
    assert answer["Location"] == lab
    assert manager.post(form_of(draft), form_on(manager.get(form_of(draft)), "nps_days"))["Location"] == lab
    stay = form_on(manager.get(form_of(draft)), "nps_days", _continue="1")
    assert manager.post(form_of(draft), stay)["Location"] == form_of(draft)


def test_who_deletes_a_draft_is_not_read_its_back_test(manager: Client) -> None:
    draft = make_draft("Idea")
    trial = {"key": "k", "made_at": "2025-05-10T10:00Z", "counts": {}, "cases": b""}
    PolicyTrial.objects.create(draft=draft, date=date(2025, 3, 31), **trial)
    page = words(manager.get(f"{LIST}{draft.pk}/delete/").text)
    assert "Scoring policies: 1" in page and "Scoring policy: Idea" in page
    assert "Policy trial" not in page
    manager.post(f"{LIST}{draft.pk}/delete/", {"post": "yes"})
    assert not PolicyTrial.objects.exists()


@pytest.mark.parametrize("copied", ["0", "x", "99999999999999999999"])
def test_a_copy_of_nothing_is_a_new_draft(manager: Client, copied: str) -> None:
    assert form_on(manager.get(f"{ADD}?copy={copied}"), "nps_days")["name"] == ""


def test_the_form_offers_the_cohorts_that_there_are_and_the_one_chosen(manager: Client) -> None:
    make_customer(cohort="VIP")
    make_customer(cohort="")
    draft = make_draft(cohorts=["Gone"])
    page = manager.get(form_of(draft))
    assert re.findall(r'name="cohorts" value="([^"]*)"', page.text) == ["VIP", "Gone"]
    assert manager.post(form_of(draft), form_on(page, cohorts=["VIP", "Gone"], stages="new_signup")).status_code == 302
    draft.refresh_from_db()
    assert draft.segment == ({"VIP", "Gone"}, {"new_signup"})


def test_two_who_change_the_segment_at_once_are_told(manager: Client) -> None:
    for cohort in ("VIP", "Beta"):
        make_customer(cohort=cohort)
    draft = make_draft()
    other = Client()
    other.force_login(make_staff("Program manager", first_name="Ola"))
    first, second = manager.get(form_of(draft)), other.get(form_of(draft))
    assert manager.post(form_of(draft), form_on(first, cohorts=["VIP", "Beta"])).status_code == 302
    answer = other.post(form_of(draft), form_on(second, cohorts=["Beta"]))
    assert answer.status_code == 409
    assert "Keep what Paula Voss stored Beta, VIP" in words(answer.text).replace("VIP, Beta", "Beta, VIP")


def test_the_form_says_each_unit_and_the_sum_of_the_maxima(manager: Client) -> None:
    page = manager.get(form_of(make_draft())).text
    assert "Maximum points: 30 + 25 + 20 + 15 + 10 = 100" in words(page)
    assert "Days. Active days among these count." in words(page)
    assert "Percent. So much more activity is Improving, so much less is Declining." in words(page)
    wrong = manager.get(form_of(make_draft("Wrong", nps_max=11))).text
    assert "Maximum points: 30 + 25 + 20 + 15 + 11 = 101" in words(wrong)
    assert '<span class="maxima-wrong" data-wrong>' in wrong
    assert '<span class="maxima-wrong" data-wrong hidden>' in page


# --- What can be done ------------------------------------------------------------------------------------------------


def offered(client: Client, policy: ScoringPolicy) -> list[str]:
    page = client.get(form_of(policy)).text
    return [one for one in ("Publish…", "Withdraw…", "End…", "Copy as draft") if f">{one}</a>" in page]


def test_each_policy_offers_what_can_be_done_with_it(manager: Client, today_is: Callable[[date], None]) -> None:
    v1 = ScoringPolicy.objects.get()
    assert offered(manager, make_draft()) == ["Publish…", "Copy as draft"]
    assert offered(manager, make_policy("v2", effective_from=date(2025, 6, 1))) == ["Withdraw…", "Copy as draft"]
    vips = make_policy("VIPs", cohorts=["VIP"])
    assert offered(manager, vips) == ["Withdraw…", "End…", "Copy as draft"]
    make_day(policy=v1, segment_policies={str(vips.pk): "VIPs"})
    assert offered(manager, v1) == ["Copy as draft"]
    assert offered(manager, vips) == ["End…", "Copy as draft"]
    way_back = "to go back, copy the policy before it and publish the copy from the same date"
    assert way_back in words(manager.get(form_of(vips)).text)
    assert way_back not in words(manager.get(form_of(ScoringPolicy.objects.get(name="v2"))).text)


def test_a_published_policy_is_read_with_its_reason(manager: Client) -> None:
    policy = make_policy(
        "v2", note="Renewals <b>", published_by="paula", published_at="2025-05-09T10:00Z", cohorts=["VIP"]
    )
    page = words(manager.get(form_of(policy)).text)
    assert "State In force For Cohort VIP From 10 May 2025 Published by Paula Voss, 9 May 2025, 10:00" in page
    assert "Why Renewals <b>" in page
    assert manager.post(form_of(policy), {"name": "x"}).status_code == 403
