"""The page of a draft: what it says of the planted program, when it is computed anew, and who sees anything of it."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client

from analytics.models import AlertRule, Preferences, RecommendationRule, ScoringPolicy
from analytics.policy_lab import preview
from analytics.scoring.snapshots import score_day
from customers.models import Customer
from tests.factories import make_alert, make_policy, make_staff
from tests.support.pages import links, main_part, names, notices, section, words
from tests.support.policies import make_draft
from tests.support.policy_lab import BY_FIRST, MORE_ACTIVITY, D, plant, publish
from tests.support.reporting import report_counters

pytestmark = pytest.mark.django_db


def asked_by_the_page(client: Client, draft: ScoringPolicy, query: str = "") -> HttpResponse:
    """The preview as htmx asks for it."""
    return client.get(f"/admin/policy-lab/{draft.pk}/preview/{query}", headers={"HX-Request": "true"})


def now(client: Client, draft: ScoringPolicy, query: str = "") -> HttpResponse:
    """The page with its preview, as whoever has no scripts asks for it."""
    return client.get(f"/admin/policy-lab/{draft.pk}/?now=1{query}")


def moves(page: HttpResponse) -> list[list[str]]:
    [body] = re.findall(r'class="rsolv-table moves">.*?<tbody>(.*?)</tbody>', main_part(page), re.DOTALL)
    return [
        [words(cell) for cell in re.findall(r"<t[hd]\b.*?</t[hd]>", row, re.DOTALL)]
        for row in re.findall(r"<tr>.*?</tr>", body, re.DOTALL)
    ]


def test_a_first_answer_comes_at_once_and_the_preview_after_it(manager: Client) -> None:
    plant()
    draft = make_draft(**MORE_ACTIVITY)
    with patch.object(preview, "changes_step_by_step") as computed:
        page = manager.get(f"/admin/policy-lab/{draft.pk}/?as_of=2025-05-10&show=all")
        assert not computed.called
    assert "Scoring 5 customers by the draft…" in words(main_part(page))
    assert f'hx-get="/admin/policy-lab/{draft.pk}/preview/?as_of=2025-05-10&amp;show=all"' in main_part(page)
    part = asked_by_the_page(manager, draft)
    text = b"".join(part.streaming_content).decode()
    assert re.findall(r'<data value="(\d+)">', text) == ["5"]
    assert "Of 5 customers, 3 would change health status and 4 would get other points." in words(text)
    # From then on it is there at once.
    with patch.object(preview, "changes_step_by_step") as computed:
        page = manager.get(f"/admin/policy-lab/{draft.pk}/")
        assert not computed.called
    assert "Of 5 customers, 3 would change" in words(main_part(page))


def test_it_says_that_what_is_reported_counts_so_far(manager: Client, today_is: Callable[[date], None]) -> None:
    plant()
    today_is(date(2025, 5, 11))
    draft = make_draft(**MORE_ACTIVITY)
    said = "So far today: the figures of 1 customer include what the product has reported since 10 May 2025."
    assert said not in words(main_part(now(manager, draft)))
    report_counters(Customer.objects.order_by("pk").first(), date(2025, 5, 11), issues_tagged=1)
    score_day(D)
    for page in (manager.get(f"/admin/policy-lab/{draft.pk}/"), now(manager, draft)):
        assert words(main_part(page)).count(said) == 1


def test_whoever_opens_the_parts_address_gets_the_page(manager: Client) -> None:
    plant()
    draft = make_draft(**MORE_ACTIVITY)
    page = manager.get(f"/admin/policy-lab/{draft.pk}/preview/?show=all")
    assert (page.status_code, page["Location"]) == (302, f"/admin/policy-lab/{draft.pk}/?show=all")


def test_what_the_page_says(manager: Client) -> None:
    plant()
    RecommendationRule.objects.all().delete()
    RecommendationRule.objects.create(text="Call", condition="at_risk", urgency=1)
    page = now(manager, make_draft(**MORE_ACTIVITY))
    assert moves(page) == [
        ["Bob", "Healthy → Needs attention", "70 → 50", "−20", "PR success rate 25 → 5"],
        ["Cyd", "Needs attention → ⚠ At risk", "50 → 30", "−20", "PR success rate 25 → 5"],
        ["Ann", "⚠ At risk → Needs attention", "45 → 65", "+20", "Activity level 30 → 50"],
    ]
    said = section(page, "preview-heading")
    assert "Healthy 20% 1 0% 0 −1 Needs attention 20% 1 40% 2 +1 At risk 40% 2 40% 2 0" in said
    assert "Bob 70 → 50 −20 Cyd 50 → 30 −20 Ann 45 → 65 +20 Dan 25 → 35 +10" in said
    assert "Became at risk 1 would open Cyd At risk with a score of 30 No alert would close." in said
    assert "Call 1 would come Cyd Call 1 would go Ann" in said
    assert links(page, "Bob")[0] == "/admin/customer/bob/"
    everyone = now(manager, ScoringPolicy.objects.get(name="Draft"), "&show=all")
    assert [row[0] for row in moves(everyone)] == ["Bob", "Cyd", "Ann", "Dan"]


def test_an_older_date_and_what_it_leads_to(manager: Client) -> None:
    plant()
    score_day(date(2025, 5, 11))
    page = now(manager, make_draft(**MORE_ACTIVITY), "&as_of=2025-05-10")
    assert "Alerts are raised for the newest scored date alone." in words(main_part(page))
    assert links(page, "Bob")[0] == "/admin/customer/bob/?as_of=2025-05-10"
    assert len(moves(page)) == 3


def test_the_numbers_that_differ_and_in_whose_place(manager: Client) -> None:
    plant()
    page = now(manager, make_draft(**MORE_ACTIVITY))
    assert section(page, "numbers") == (
        "In place of v1 (Everybody) Activity: maximum points 30 → 50 "
        "Activity: points for each active day 5 → 10 PR success: maximum points 25 → 5"
    )
    make_policy("VIPs", cohorts=["VIP"], nps_days=90, effective_from=D)
    page = now(manager, make_draft("For VIPs", cohorts=["VIP"]))
    assert section(page, "numbers") == "In place of VIPs (Cohort VIP) NPS: window in days 90 → 180"
    page = now(manager, make_draft("Same"))
    assert section(page, "numbers") == "In place of v1 (Everybody) Every number is the same."


def test_whom_a_draft_would_share_is_said_before_it_is_published(manager: Client) -> None:
    plant()
    make_policy("VIPs", cohorts=["VIP"], effective_from=date(2025, 6, 1))
    page = now(manager, make_draft("Early", stages=["onboarding"]))
    assert notices(page)[0].startswith(
        "It cannot be published yet: “Early” and “VIPs” (Cohort VIP) would both score customers of cohort VIP, "
        "stage Onboarding."
    )
    assert "It cannot be published" not in words(main_part(now(manager, make_draft("For all"))))


def test_another_status_with_the_same_points_is_not_other_points(manager: Client) -> None:
    plant()
    # Bob, Healthy with 70 points, needs attention from now on.
    page = now(manager, make_draft(healthy_from=71))
    assert "Of 5 customers, 1 would change health status and 0 would get other points." in words(main_part(page))


def test_alerts_that_would_grow_worse(manager: Client) -> None:
    plant()
    make_alert(Customer.objects.get(pk="dan"), opened_on=D, value=25)
    page = now(manager, make_draft(activity_points_per_day=2))
    assert "Became at risk 1 would grow worse Dan At risk with a score of 19" in section(page, "preview-heading")


def test_names_of_any_text_are_only_text(manager: Client) -> None:
    plant()
    hostile = "<script>alert(1)</script>\"'"
    Customer.objects.update(organization=hostile)
    RecommendationRule.objects.update(text=hostile)
    AlertRule.objects.create(kind="custom", name=hostile, query="score_max=40")
    page = now(manager, make_draft(hostile, **MORE_ACTIVITY))
    assert "<script>alert" not in page.text
    assert names(page) == [hostile] * 3


def test_nothing_changes_nothing_scored_and_published(manager: Client) -> None:
    draft = make_draft()
    assert "No customers yet" in words(main_part(now(manager, draft)))
    plant()
    assert "Nothing changes The draft gives every customer of 10 May 2025" in words(main_part(now(manager, draft)))
    publish(draft, D)
    page = manager.get(f"/admin/policy-lab/{draft.pk}/")
    assert "This policy is published It scores dates from 10 May 2025 on." in words(main_part(page))
    assert 'id="preview"' not in page.text
    assert asked_by_the_page(manager, draft).status_code == 302


def test_a_draft_that_cannot_score_says_why(manager: Client) -> None:
    plant()
    page = now(manager, make_draft(pr_max=20))
    assert "The components' maximum points add up to 95, not to 100." in words(main_part(page))


@pytest.mark.parametrize("change", ["numbers", "rule", "score", "publish"])
def test_it_is_computed_anew_once_something_has_changed(manager: Client, change: str) -> None:
    plant()
    draft = make_draft(**MORE_ACTIVITY)
    now(manager, draft)
    if change == "numbers":
        draft.pr_max, draft.activity_max = 4, 51
        draft.save()
    elif change == "rule":
        AlertRule.objects.get(kind="at_risk").delete()
    elif change == "score":
        score_day(D)
    else:
        other = make_draft("Other", cohorts=["VIP"])
        publish(other, D)
    assert "Scoring 5 customers" in words(main_part(manager.get(f"/admin/policy-lab/{draft.pk}/")))


def test_what_concerns_no_preview_leaves_it_as_it_is(manager: Client) -> None:
    plant()
    draft = make_draft(**MORE_ACTIVITY)
    now(manager, draft)
    make_staff()
    assert "Of 5 customers" in words(main_part(manager.get(f"/admin/policy-lab/{draft.pk}/")))


def test_nobody_else_sees_anything_of_a_draft(manager: Client) -> None:
    plant()
    # What the pages keep while a preview is made is not the preview's.
    now(manager, make_draft(**MORE_ACTIVITY))
    page = manager.get("/admin/?owner=&columns=score")
    scores = dict(re.findall(r'href="/admin/customer/(\w+)/[^>]*>.*?class="score"[^>]*>(\d+) ', page.text, re.DOTALL))
    assert {name: int(score) for name, score in scores.items()} == BY_FIRST


def test_the_drafts_are_listed(manager: Client) -> None:
    assert "No drafts yet" in words(main_part(manager.get("/admin/policy-lab/")))
    draft = make_draft(made_by="mark")
    page = manager.get("/admin/policy-lab/")
    assert "Draft Everybody mark" in words(main_part(page))
    assert links(page, "Draft") == [f"/admin/policy-lab/{draft.pk}/"]


def test_staff_read_and_do_not_edit(client: Client) -> None:
    plant()
    client.force_login(make_staff("Viewer"))
    page = now(client, make_draft(**MORE_ACTIVITY))
    assert "See all numbers" in words(main_part(page))
    assert "Edit the draft" not in words(main_part(page))
    assert "Export all" not in words(main_part(page))


def test_it_is_there_at_once_in_the_visitors_own_time_zone(manager: Client) -> None:
    plant()
    draft = make_draft(**MORE_ACTIVITY)
    Preferences.objects.create(user=User.objects.get(), time_zone="Asia/Tokyo")
    b"".join(asked_by_the_page(manager, draft).streaming_content)
    assert "Of 5 customers" in words(main_part(manager.get(f"/admin/policy-lab/{draft.pk}/")))


def test_a_second_look_takes_few_queries(manager: Client, django_assert_max_num_queries: Any) -> None:
    plant()
    draft = make_draft(**MORE_ACTIVITY)
    now(manager, draft)
    with django_assert_max_num_queries(12):
        manager.get(f"/admin/policy-lab/{draft.pk}/")


def test_with_segments_each_row_says_its_policy(manager: Client) -> None:
    plant()
    Customer.objects.filter(pk="bob").update(cohort="VIP")
    page = now(manager, make_draft("For VIPs", cohorts=["VIP"], **MORE_ACTIVITY))
    assert moves(page) == [
        ["Bob", "Healthy → Needs attention", "70 → 50", "−20", "PR success rate 25 → 5", "For VIPs"],
    ]
    assert "Of 5 customers, 1 would change health status and 1 would get other points." in words(main_part(page))
