"""A policy's pages in a browser: the sum follows what is typed, and nothing is wrong with how they look."""

import pytest
from playwright.sync_api import expect

from analytics.models import ScoringPolicy
from analytics.scoring.snapshots import score_day
from tests.factories import load_demo_program, make_policy
from tests.support.browsing import EVERY_LOOK, Opened, look, looks_alike
from tests.support.policies import make_draft
from tests.support.scoring import D

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_is_enough, pytest.mark.django_db(transaction=True), looks_alike]

LIST = "/admin/analytics/scoringpolicy/"


def test_the_sum_of_the_maxima_follows_what_is_typed(open_page: Opened) -> None:
    page = open_page(f"{LIST}{make_draft().pk}/change/", role="Program manager")
    box = page.locator(".maxima")
    expect(box).to_contain_text("30 + 25 + 20 + 15 + 10 = 100")
    page.get_by_label("Activity: maximum points").fill("25")
    expect(box).to_contain_text("25 + 25 + 20 + 15 + 10 = 95")
    expect(box).to_contain_text("They must add up to 100.")
    page.get_by_label("Adoption: points for each step").fill("")
    expect(box).to_contain_text("25 + 25 + 0 + 15 + 10 = 75")
    page.get_by_label("Adoption: points for each step").fill("6")
    expect(box).to_contain_text("25 + 25 + 24 + 15 + 10 = 99")
    page.get_by_label("NPS: maximum points").fill("11")
    expect(box).to_contain_text("25 + 25 + 24 + 15 + 11 = 100")
    expect(page.get_by_text("They must add up to 100.")).to_be_hidden()


def test_nothing_is_wrong_with_how_the_pages_look(open_page: Opened) -> None:
    load_demo_program()
    ended, planned = make_policy("VIPs", cohorts=["VIP"]), make_policy("Next", effective_from="2031-01-01")
    make_draft("Who onboards", cohorts=["Gone"], stages=["onboarding"])
    draft = make_draft("More weight on activity", nps_max=5, activity_max=35)
    score_day(D)
    v1 = ScoringPolicy.objects.get(name="v1")
    lab = "/admin/policy-lab"
    addresses = [LIST, f"{LIST}add/?copy={v1.pk}", *(f"{LIST}{one.pk}/change/" for one in (v1, ended, planned, draft))]
    addresses += [f"{lab}/{draft.pk}/publish/", f"{lab}/{planned.pk}/withdraw/", f"{lab}/{v1.pk}/withdraw/"]
    addresses += [f"{lab}/{ended.pk}/end/", f"{lab}/{v1.pk}/end/"]
    page = open_page("about:blank", role="Program manager")
    wrong = {}
    for address in addresses:
        page.goto(address)
        if found := look(page, EVERY_LOOK):
            wrong[address] = found
    page.goto(f"{lab}/{draft.pk}/publish/")
    page.get_by_label("From").fill("2025-05-10")
    page.get_by_label("Why").fill("Activity tells first.")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("button", name="Publish and score 1 date again")).to_be_visible()
    if found := look(page, EVERY_LOOK):
        wrong["asked"] = found
    page.get_by_role("button", name="Publish and score").click()
    expect(page.get_by_text("Done.")).to_be_visible()
    if found := look(page, EVERY_LOOK):
        wrong["scored"] = found
    assert wrong == {}
