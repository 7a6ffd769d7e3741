"""The pages that publish a draft, withdraw a policy and end one, as a program manager meets them."""

from collections.abc import Callable
from datetime import date

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client

from analytics.models import Alert, PortfolioDay, ScoringPolicy, Snapshot
from analytics.policy_lab import publishing
from analytics.scoring.snapshots import score_day
from customers.models import AuditEntry
from tests.factories import make_policy, make_staff
from tests.support.commands import held_elsewhere
from tests.support.forms import form_on
from tests.support.pages import main_part, notices, said, words
from tests.support.policies import make_draft
from tests.support.policy_lab import MORE_ACTIVITY, plant
from tests.support.scoring import D, make_acme

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("the_day_after")]

TOMORROW = date(2025, 5, 12)


@pytest.fixture
def manager(client: Client) -> Client:
    """Paula, who steers the program, logged in."""
    client.force_login(make_staff("Program manager", username="paula"))
    return client


def page_of(policy: ScoringPolicy, act: str) -> str:
    return f"/admin/policy-lab/{policy.pk}/{act}/"


def history(client: Client, policy: ScoringPolicy) -> str:
    return words(client.get(f"/admin/analytics/scoringpolicy/{policy.pk}/history/").text)


def streamed(response: HttpResponse) -> str:
    assert isinstance(response, StreamingHttpResponse)
    return words(b"".join(response.streaming_content).decode())


# --- Publish ------------------------------------------------------------------------------------------------------


def test_a_draft_is_published_from_a_date_to_come(manager: Client) -> None:
    draft = make_draft("v2", activity_max=25, nps_max=15)
    page = manager.get(page_of(draft, "publish"))
    sent = form_on(page, "first", note="Renewals say so.")
    assert sent["first"] == "2025-05-11"
    seen = words(main_part(page))
    assert "In place of v1 (Everybody) Number Before After Activity: maximum points 30 25" in seen
    assert "NPS: maximum points 10 15 All other numbers stay the same." in seen
    answer = manager.post(page_of(draft, "publish"), sent, follow=True)
    assert said(answer) == ["“v2” is published: it scores from 11 May 2025 on."]
    draft.refresh_from_db()
    assert (draft.state, draft.effective_from, draft.published_by) == ("published", date(2025, 5, 11), "paula")
    assert draft.note == "Renewals say so."
    assert "Published from 11 May 2025." in history(manager, draft)
    assert {one.actor for one in AuditEntry.objects.filter(subject="v2")[:2]} == {"paula"}
    again = manager.get(page_of(draft, "publish"), follow=True)
    assert said(again) == ["“v2” is already published."]


def test_an_earlier_date_asks_first_and_scores_again_from_there(manager: Client) -> None:
    make_acme()
    for day in (8, 9, 10):
        score_day(date(2025, 5, day))
    draft = make_draft("v2", activity_points_per_day=1)
    page = manager.get(page_of(draft, "publish"))
    asked = manager.post(page_of(draft, "publish"), form_on(page, "first", first="2025-05-09", note="x"))
    assert asked.status_code == 200
    assert notices(asked) == [
        "2 scored dates from 9 May 2025 on will be scored again: "
        "scores and statuses change on every page, also for the past. The alerts follow at once."
    ]
    # More dates than were said are asked about again.
    earlier = manager.post(page_of(draft, "publish"), form_on(asked, "first", first="2025-05-08"))
    assert "Publish and score 3 dates again" in words(main_part(earlier))
    draft.refresh_from_db()
    assert draft.is_draft
    text = streamed(manager.post(page_of(draft, "publish"), form_on(asked, "first")))
    assert "Published from 9 May 2025." in history(manager, draft)
    assert "Scoring 2 dates: 9 May 2025, 10 May 2025." in text
    assert text.index("2 of 2") < text.index("Done.")
    assert list(Snapshot.objects.order_by("date").values_list("policy__name", "activity")) == [
        ("v1", 20),
        ("v2", 4),
        ("v2", 4),
    ]
    assert not PortfolioDay.objects.filter(stale=True).exists()


@pytest.mark.parametrize(("first", "is_asked"), [("2026-05-12", False), ("2026-05-13", True), ("2062-05-11", True)])
def test_a_date_more_than_a_year_ahead_is_asked_about(manager: Client, first: str, is_asked: bool) -> None:
    """Today is 11 May 2025."""
    draft = make_draft("v2", activity_max=25, nps_max=15)
    page = manager.get(page_of(draft, "publish"))
    answer = manager.post(page_of(draft, "publish"), form_on(page, "first", first=first, note="x"))
    draft.refresh_from_db()
    assert draft.is_draft is is_asked
    assert (f"Do you mean {first[:4]}?" in words(answer.text)) is is_asked


def test_only_the_far_date_that_was_asked_about_is_confirmed(manager: Client) -> None:
    draft = make_draft("v2", activity_max=25, nps_max=15)
    page = manager.get(page_of(draft, "publish"))
    asked = manager.post(page_of(draft, "publish"), form_on(page, "first", first="2062-05-11", note="x"))
    assert "Publish from 11 May 2062" in words(main_part(asked))
    other = manager.post(page_of(draft, "publish"), form_on(asked, "first", first="2063-05-11"))
    assert "Do you mean 2063?" in words(main_part(other))
    confirmed = manager.post(page_of(draft, "publish"), form_on(asked, "first"), follow=True)
    assert said(confirmed) == ["“v2” is published: it scores from 11 May 2062 on."]
    draft.refresh_from_db()
    assert draft.effective_from == date(2062, 5, 11)


def test_dates_that_were_not_scored_again_are_said_on_pages_that_were_seen_before(manager: Client) -> None:
    """As where the visitor left, or the machine was stopped, in the middle."""
    make_acme()
    score_day(D)
    said_by = "1 scored date waits to be scored again."
    assert said_by not in words(manager.get("/admin/?owner=").text)
    publishing.publish(make_draft(), D, "x", "paula")
    assert said_by in words(manager.get("/admin/?owner=").text)
    score_day(D)
    assert said_by not in words(manager.get("/admin/?owner=").text)


def test_what_another_has_changed_is_not_published_unseen(manager: Client) -> None:
    draft = make_draft()
    page = manager.get(page_of(draft, "publish"))
    ScoringPolicy.objects.filter(pk=draft.pk).update(nps_days=90)
    answer = manager.post(page_of(draft, "publish"), form_on(page, "first", note="x"))
    assert answer.status_code == 422
    assert notices(answer) == ["Somebody has changed this draft since you opened the page. Look again."]
    draft.refresh_from_db()
    assert draft.is_draft
    # What is shown now is what is published then.
    assert manager.post(page_of(draft, "publish"), form_on(answer, "first")).status_code == 302


def test_what_would_meet_another_segment_is_said(manager: Client) -> None:
    make_policy("VIPs <b>", cohorts=["VIP", "Beta"])
    draft = make_draft("Mine", cohorts=["VIP"])
    page = manager.get(page_of(draft, "publish"))
    answer = manager.post(page_of(draft, "publish"), form_on(page, "first", note="x"))
    assert answer.status_code == 422
    [notice] = notices(answer)
    assert notice == (
        "“Mine” and “VIPs <b>” (Cohorts Beta and VIP) would both score customers of cohort VIP. "
        "Choose other cohorts or stages for the draft, or let “VIPs <b>” end first."
    )


@pytest.mark.parametrize("changes", [{"first": ""}, {"first": "soon"}, {"note": " "}])
def test_date_and_reason_are_needed(manager: Client, changes: dict[str, str]) -> None:
    draft = make_draft()
    page = manager.get(page_of(draft, "publish"))
    answer = manager.post(page_of(draft, "publish"), form_on(page, "first", **{"note": "x", **changes}))
    assert answer.status_code == 422
    assert 'class="field-error"' in answer.text


@pytest.mark.parametrize("first", ["2025-05-12", "2025-05-10"])
def test_nothing_is_published_while_somebody_else_scores(manager: Client, first: str) -> None:
    make_acme()
    score_day(D)
    draft = make_draft()
    page = manager.get(page_of(draft, "publish"))
    sent = form_on(page, "first", first=first, note="x", again="1")
    with held_elsewhere("score"):
        answer = manager.post(page_of(draft, "publish"), sent, follow=True)
        told = streamed(answer) if answer.streaming else " ".join(said(answer))
    assert "is running" in told
    draft.refresh_from_db()
    assert draft.is_draft


def test_the_alerts_follow_at_once(manager: Client) -> None:
    plant()
    assert not Alert.objects.exists()
    draft = make_draft(**MORE_ACTIVITY)
    page = manager.get(page_of(draft, "publish"))
    sent = form_on(page, "first", first="2025-05-10", note="x", again="1")
    text = streamed(manager.post(page_of(draft, "publish"), sent))
    # Cyd and Dan are At risk by the draft, Eve is Inactive; Eve's silence is no news.
    opened = set(Alert.objects.open().filter(rule__kind="at_risk").values_list("customer", flat=True))
    assert opened == {"cyd", "dan"}
    raised = Alert.objects.count()
    assert f"Alerts: {raised} raised, 0 worse, 0 closed. Done." in text
    entry = AuditEntry.objects.filter(subject="alerts").get()
    assert (entry.actor, entry.text) == ("paula", f"{raised} raised, 0 worse, 0 closed")


def test_alerts_that_cannot_follow_now_wait_for_the_night(manager: Client) -> None:
    plant()
    draft = make_draft(**MORE_ACTIVITY)
    page = manager.get(page_of(draft, "publish"))
    sent = form_on(page, "first", first="2025-05-10", note="x", again="1")
    with held_elsewhere("alerts"):
        text = streamed(manager.post(page_of(draft, "publish"), sent))
    assert "Alerts follow with the next nightly run: somebody else evaluates, scores or imports now. Done." in text
    assert not Alert.objects.exists()


def test_a_newer_policy_takes_over_on_its_date(manager: Client) -> None:
    make_acme()
    for day in (8, 9, 10):
        score_day(date(2025, 5, day))
    make_policy("v2 <b>", effective_from=D)
    draft = make_draft("Mine", activity_points_per_day=1)
    page = manager.get(page_of(draft, "publish"))
    asked = manager.post(page_of(draft, "publish"), form_on(page, "first", first="2025-05-09", note="x"))
    assert notices(asked) == [
        "1 scored date from 9 May 2025 on will be scored again: "
        "scores and statuses change on every page, also for the past.",
        "From 10 May 2025 on “v2 <b>” scores the same customers, so this one ends the day before.",
    ]
    text = streamed(manager.post(page_of(draft, "publish"), form_on(asked, "first")))
    assert "Scoring 1 date: 9 May 2025." in text
    assert list(Snapshot.objects.order_by("date").values_list("policy__name", flat=True)) == ["v1", "Mine", "v1"]


def test_what_would_score_no_date_is_refused(manager: Client) -> None:
    make_acme()
    score_day(D)
    make_policy("v2", effective_from=D)
    draft = make_draft("Mine")
    page = manager.get(page_of(draft, "publish"))
    answer = manager.post(page_of(draft, "publish"), form_on(page, "first", first="2025-05-01", note="x"))
    assert answer.status_code == 422
    assert notices(answer)[0] == (
        "It would score no date: “v2” takes over on 10 May 2025, and nothing before that is scored. "
        "Choose 10 May 2025 or later."
    )
    # One for other customers takes nothing over.
    draft = make_draft("For VIPs", cohorts=["VIP"])
    page = manager.get(page_of(draft, "publish"))
    asked = manager.post(page_of(draft, "publish"), form_on(page, "first", first="2025-05-01", note="x"))
    assert "Publish and score 1 date again" in words(main_part(asked))


# --- Withdraw, end --------------------------------------------------------------------------------------------------


def test_what_has_scored_nothing_is_withdrawn(manager: Client, today_is: Callable[[date], None]) -> None:
    policy = make_policy("v2", effective_from=TOMORROW)
    assert "no score changes" in words(main_part(manager.get(page_of(policy, "withdraw"))))
    answer = manager.post(page_of(policy, "withdraw"), follow=True)
    assert said(answer) == ["“v2” is a draft again."]
    assert "Withdrawn: it is a draft again." in history(manager, policy)
    policy.refresh_from_db()
    assert policy.is_draft


def test_what_has_scored_a_date_is_not_withdrawn(manager: Client) -> None:
    score_day(D)
    policy = ScoringPolicy.objects.get()
    why = "“v1” has scored dates, so it stays as it is. Publish another one in its place."
    assert notices(manager.get(page_of(policy, "withdraw"))) == [why]
    assert said(manager.post(page_of(policy, "withdraw"), follow=True)) == [why]
    policy.refresh_from_db()
    assert not policy.is_draft


def test_a_policy_for_a_segment_ends_on_a_date(manager: Client) -> None:
    policy = make_policy("VIPs", cohorts=["VIP"])
    page = manager.get(page_of(policy, "end"))
    assert form_on(page, "last")["last"] == "2025-05-10"
    assert manager.post(page_of(policy, "end"), form_on(page, "last", last="")).status_code == 422
    early = manager.post(page_of(policy, "end"), form_on(page, "last", last="2025-05-09"), follow=True)
    assert said(early) == ["What is scored stays as it is: choose 10 May 2025 or later."]
    answer = manager.post(page_of(policy, "end"), form_on(page, "last", last="2025-05-12"), follow=True)
    assert said(answer) == ["“VIPs” scores 12 May 2025 as its last date."]
    policy.refresh_from_db()
    assert policy.effective_until == TOMORROW
    assert "Ends: 12 May 2025 is its last date." in history(manager, policy)
    assert "Only a published policy for a segment can end" in notices(manager.get(page_of(policy, "end")))[0]
