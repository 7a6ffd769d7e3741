"""The page of a back-test: month by month with and without a script, what it says, and whom its numbers lead to."""

import re
from datetime import date

import pytest
from django.test import Client
from django.urls import reverse

from analytics.models import ForecastCase, PolicyTrial, ScoringPolicy
from analytics.policy_lab.back_test.page import FIGURES, back_test_page
from customers.models import AuditEntry
from tests.factories import make_staff
from tests.support.back_tests import FEB, MAR, VERSION, back_test, keep, made_up, plant
from tests.support.pages import main_part, section, words
from tests.support.policies import make_draft

pytestmark = pytest.mark.django_db
PART = {"HX-Request": "true"}


@pytest.fixture
def draft() -> ScoringPolicy:
    """The draft of the planted program."""
    return plant()


@pytest.fixture
def manager(client: Client) -> Client:
    """A program manager, logged in."""
    client.force_login(make_staff("Program manager"))
    return client


def address(draft: ScoringPolicy) -> str:
    return reverse("analytics:policy-back-test", args=[draft.pk])


def said(client: Client, draft: ScoringPolicy) -> str:
    """What the page says of the back-test."""
    return section(client.get(address(draft)), "back-test-heading")


def run_through(client: Client, draft: ScoringPolicy) -> None:
    """Press the button without a script until nothing is left."""
    for _month in range(2):
        answer = client.post(address(draft))
        assert (answer.status_code, answer.headers["Location"]) == (302, f"{address(draft)}#back-test")


def test_it_waits_for_the_button_and_says_what_it_does(viewer: Client, draft: ScoringPolicy) -> None:
    text = said(viewer, draft)
    assert "It scores 2 month ends again and compares with the 30 days after. Back-test the draft" in text
    assert not PolicyTrial.objects.exists()
    lab = viewer.get(reverse("analytics:policy-lab", args=[draft.pk])).content.decode()
    assert f'hx-get="{address(draft)}" hx-trigger="load"' in lab


def test_without_a_script_it_goes_on_by_the_button(viewer: Client, draft: ScoringPolicy) -> None:
    viewer.post(address(draft))
    text = said(viewer, draft)
    assert "1 of 2 month ends are scored. Continue the back-test" in text
    # March: four customers, of whom Ann and Cyd went quiet; Ann and Dan were At risk, with the draft Bob, Cyd, Dan.
    assert "31 Mar 2025 4 2 2 1 1 3 1 1" in text
    assert "28 Feb 2025 not scored yet" in text
    viewer.post(address(draft))
    text = said(viewer, draft)
    assert "28 Feb 2025 5 2 2 0 2 3 1 1" in text
    assert "Continue" not in text


def test_what_it_says_in_the_end_by_hand(viewer: Client, draft: ScoringPolicy) -> None:
    run_through(viewer, draft)
    text = said(viewer, draft)
    assert (
        "At 2 month ends the draft would have put customers At risk 6 times, instead of 4. Of the 4 times that a "
        "customer then went quiet it would have found 2 (50%), instead of 1 (25%)."
    ) in text
    assert "Too few outcomes for a verdict: 4 of 10 customers who went quiet, and 4 of 10 who did not." in text
    for row in (
        "At risk: went quiet 25% 33% +8 –",
        "Went quiet: was At risk 25% 50% +25 –",
        "Lowest 10%: went quiet 50% 100% +50 –",
        "Went quiet: was in the lowest 10% 25% 50% +25 –",
        "Days before the 30th quiet day 61 38 −24 –",
        "At risk at a month end 2.0 3.0 +1.0 –",
        "Order (AUC) 0.48 0.58 +0.10 –",
    ):
        assert row in without_definitions(viewer, draft), row


def without_definitions(client: Client, draft: ScoringPolicy) -> str:
    html = client.get(address(draft)).content.decode()
    return words(re.sub(r'<details class="definition".*?</details>', "", html, flags=re.DOTALL))


def test_by_htmx_each_part_asks_for_the_next_and_the_focus_stays(viewer: Client, draft: ScoringPolicy) -> None:
    first = viewer.post(address(draft), {"begin": "1"}, headers=PART).content.decode()
    assert first.lstrip().startswith('<section id="back-test"')
    assert 'hx-trigger="load, submit"' in first
    assert '<progress class="bar" max="2" value="1"' in first
    assert 'tabindex="-1" autofocus' in first
    # The figures take as long as a month end, and come in an answer of their own.
    second = viewer.post(address(draft), headers=PART).content.decode()
    assert "2 of 2 month ends are scored. Comparing with what happened…" in words(second)
    assert 'hx-trigger="load, submit"' in second
    last = viewer.post(address(draft), headers=PART).content.decode()
    assert "hx-post" not in last
    assert "autofocus" not in last
    assert "At 2 month ends" in words(last)
    # Once all are there, nothing is scored again.
    made = set(PolicyTrial.objects.values_list("made_at"))
    viewer.post(address(draft), headers=PART)
    assert set(PolicyTrial.objects.values_list("made_at")) == made


def test_each_number_leads_to_its_customers(viewer: Client, draft: ScoringPolicy) -> None:
    run_through(viewer, draft)
    html = viewer.get(address(draft)).content.decode()
    links = re.findall(r'<a href="([^"]*\?who=[^"]*)" aria-label="(\d+): ', html)
    # Of twelve numbers one is 0, and leads nowhere.
    assert len(links) == 11
    for link, number in links:
        page = main_part(viewer.get(link))
        assert page.count('<th scope="row">') == int(number), link
    missed = viewer.get(reverse("analytics:back-test-customers", args=[draft.pk, FEB]), {"who": "after-missed"})
    assert "Eve 15 15 Went quiet" in words(main_part(missed))
    lowest = words(main_part(viewer.get(reverse("analytics:back-test-customers", args=[draft.pk, MAR]))))
    # The lowest scores first; unless told otherwise those At risk by the draft.
    assert "Cyd 50 30 Went quiet Dan 25 35 Stayed active Bob 60 40 Stayed active" in lowest


def test_a_month_that_is_not_known_says_so_and_no_date_is_none(viewer: Client, draft: ScoringPolicy) -> None:
    page = viewer.get(reverse("analytics:back-test-customers", args=[draft.pk, FEB]))
    assert "This month end is not scored" in words(main_part(page))
    assert viewer.get(reverse("analytics:back-test-customers", args=[draft.pk, "2025-02-30"])).status_code == 404


def test_it_says_why_there_is_none(viewer: Client, draft: ScoringPolicy) -> None:
    ForecastCase.objects.all().delete()
    assert "No outcomes are known yet" in said(viewer, draft)
    wrong = make_draft("Wrong", activity_max=31)
    assert "add up to 101, not to 100" in said(viewer, wrong)
    published = ScoringPolicy.objects.published().get()
    assert "This policy is published" in said(viewer, published)
    for policy in (wrong, published):
        assert viewer.post(address(policy)).status_code == 302
    assert not PolicyTrial.objects.exists()


def test_nobody_else_notices(viewer: Client, draft: ScoringPolicy) -> None:
    before = AuditEntry.objects.count(), ScoringPolicy.objects.count()
    run_through(viewer, draft)
    assert (AuditEntry.objects.count(), ScoringPolicy.objects.count()) == before


def test_only_who_may_add_policies_gets_suggestions(viewer: Client, draft: ScoringPolicy) -> None:
    run_through(viewer, draft)
    assert "Suggest weights" not in said(viewer, draft)


def test_a_program_manager_is_told_why_nothing_is_suggested(manager: Client, draft: ScoringPolicy) -> None:
    run_through(manager, draft)
    assert "Suggest weights" in said(manager, draft)
    page = manager.post(reverse("analytics:suggest-weights", args=[draft.pk]), follow=True)
    assert "It takes 3 month ends with known outcomes; there are 2." in words(page.content.decode())


# --- The verdict ---------------------------------------------------------------------------------------------------


def verdict(seed: int, *, shuffled: bool, learnt_through: date | None = None) -> tuple[str, str, str]:
    """The sentence, the verdict and the first words of the figure of the order, of made-up months."""
    draft = make_draft(f"Draft {seed}", learnt_through=learnt_through)
    page = back_test_page(keep(back_test(draft), made_up(seed, shuffled=shuffled)), VERSION)
    assert page.result
    order = next(row for row in page.result.figures if row.label == FIGURES["auc"].label)
    return page.result.summary, page.result.verdict, order.verdict


def test_what_is_beyond_chance_is_called_better_and_what_is_not_is_no_difference() -> None:
    _summary, better, order = verdict(1, shuffled=False)
    assert better == (
        "Better: At risk is right more often, the lowest scores are right more often and the scores put customers in "
        "a better order."
    )
    assert order == "better"
    told = [verdict(seed, shuffled=True)[1] for seed in range(2, 8)]
    # Three figures of which each is beside the truth once in twenty times.
    assert told.count("No difference shown: it may all be chance.") >= 5


def test_learnt_weights_are_judged_by_later_months_alone() -> None:
    assert verdict(1, shuffled=False, learnt_through=date(2025, 4, 28))[0].startswith("At 2 month ends ")
    draft = make_draft("All", learnt_through=date(2025, 6, 28))
    assert back_test_page(keep(back_test(draft), made_up(1, shuffled=False)), VERSION).result is None


def test_a_value_that_rounds_to_nothing_has_no_sign() -> None:
    written = FIGURES["precision"].written
    assert [written(value, signed=True) for value in (0.004, -0.004, 0.05, -0.05)] == ["0", "0", "+5", "−5"]
    assert (written(0.25), written(float("nan"))) == ("25%", "–")
    assert FIGURES["auc"].written(-0.001, signed=True) == "0.00"
