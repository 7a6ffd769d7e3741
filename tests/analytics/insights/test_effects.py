"""Impact: worked out by hand on a small program, and no verdict where there are too few cases."""

import re
from datetime import date, timedelta
from zlib import crc32

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.insights import effect_cases
from analytics.insights.effect_cases import Case, ScoreGroup, sample_keys
from analytics.insights.effects import Effect, effect, effects_by_kind
from analytics.models import ActionKind, Task
from customers.models import Customer
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.pages import main_part, words

DONE = date(2025, 5, 1)
D = date(2025, 6, 30)


def scores(name: str, status: str, *values: int | None, first: date = DONE) -> Customer:
    """A customer with scores on a date, 14 days and 28 days later; None for no score."""
    customer = make_customer(id=name)
    for value, days in zip(values, (0, 14, 28), strict=False):
        if value is not None:
            make_snapshot(
                customer, date=first + timedelta(days=days), status=status if not days else "healthy", score=value
            )
    return customer


def done(customer: Customer, kind: str = "call", on: date = DONE, state: str = "done") -> None:
    Task.objects.create(customer=customer, kind=kind, what=f"{kind} {on}", due=on, state=state, closed_on=on)


@pytest.fixture
def program(db: None) -> None:
    """One call that is a case, and around it those who are similar, and those who nearly are."""
    done(scores("case", "at_risk", 40, 60, 70))
    scores("near-above", "at_risk", 45, 47, 50)
    scores("near-below", "at_risk", 35, 31, None)
    long_ago = scores("called-29-days-before", "at_risk", 40, 44, 41)
    done(long_ago, on=DONE - timedelta(days=29))
    # None of these is similar.
    scores("too-far", "at_risk", 46, 90, 90)
    scores("other-status", "inactive", 40, 90, 90)
    scores("never-again", "at_risk", 40)
    done(scores("called-28-days-before", "at_risk", 40, 90, 90), on=DONE - timedelta(days=28))
    done(scores("called-28-days-after", "at_risk", 40, 90, 90), on=DONE + timedelta(days=28))
    # Neither of these is a call that was done.
    done(scores("dropped", "needs_attention", 60, 90, 90), state="dropped")
    Task.objects.create(customer=long_ago, kind="call", what="open", due=DONE)


def of(kind: str, day: date = D) -> list[Effect]:
    return dict(effects_by_kind(day)).get(ActionKind(kind), [])


def test_worked_out_by_hand(program: None) -> None:
    after_14, after_28 = of("call")
    assert (after_14.days, after_14.cases, after_14.controls) == (14, 1, 3)
    assert after_14.delta == 20
    # (47 - 45), (31 - 35) and (44 - 40) of three.
    assert after_14.control_delta == pytest.approx(2 / 3)
    assert after_14.difference == pytest.approx(20 - 2 / 3)
    # The three other calls were done on dates without a score.
    assert (after_14.not_passed, after_14.no_score, after_14.no_controls) == (0, 3, 0)
    assert after_14.verdict == "too few to tell: 1 of 10"
    # (50 - 45) and (41 - 40); the one below has no score so late.
    assert (after_28.days, after_28.cases, after_28.controls) == (28, 1, 2)
    assert (after_28.delta, after_28.control_delta, after_28.difference) == (30, 3, 27)


def test_as_of_an_earlier_date_later_things_are_not_known(program: None) -> None:
    after_14, after_28 = of("call", DONE + timedelta(days=14))
    # Who is called later is not known yet, so its 90 - 40 counts: (2 - 4 + 4 + 50) of four.
    assert (after_14.cases, after_14.controls, after_14.control_delta) == (1, 4, 13)
    assert (after_28.cases, after_28.not_passed, after_28.no_score) == (0, 1, 2)
    assert (after_28.delta, after_28.difference) == (None, None)
    assert of("call", DONE + timedelta(days=13))[0].not_passed == 1
    assert [found.no_score for found in of("call", DONE - timedelta(days=1))] == [2, 1]
    assert of("call", DONE - timedelta(days=30)) == []


def test_a_case_without_anybody_similar_is_counted_so(db: None) -> None:
    done(scores("case", "at_risk", 40, 60, 70))
    for found in of("call"):
        assert (found.cases, found.no_controls, found.verdict) == (0, 1, "too few to tell: 0 of 10")


def test_the_same_kind_twice_on_a_day_is_one_case(program: None) -> None:
    Task.objects.create(customer_id="case", kind="call", what="again", due=DONE, state="done", closed_on=DONE)
    assert of("call")[0].cases == 1


def test_another_kind_is_another_question(program: None) -> None:
    done(Customer.objects.get(pk="near-above"), kind="email")
    # Called or not: the case itself, those called 28 days before and after and 29 before, and the one at 46.
    found = of("email")[0]
    assert (found.cases, found.delta, found.controls) == (1, 2, 5)
    assert found.control_delta == (20 + 50 + 50 + 4 + 44) / 5
    assert of("call")[0].cases == 1


def test_of_many_customers_a_fixed_part_is_compared(program: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effect_cases, "MAX_SAMPLE", 6)
    chosen = sample_keys()
    assert len(Customer.objects.all()) == 10
    assert set(chosen) == {pk for pk in Customer.objects.values_list("pk", flat=True) if crc32(pk.encode()) % 2 == 0}
    # The one that was called 29 days before is not of that part: (47 - 45) and (31 - 35) remain.
    assert "called-29-days-before" not in chosen
    after_14 = of("call")[0]
    assert (after_14.cases, after_14.delta, after_14.controls, after_14.control_delta) == (1, 20, 2, -1)


# --- The verdict ------------------------------------------------------------------------------------------------


def told(moves: list[int]) -> Effect:
    """The effect where similar customers did not move."""
    cases = [Case("call", DONE, "at_risk", 40, (40 + move, None), "case") for move in moves]
    sample = {(DONE, "at_risk"): [ScoreGroup(40, 1, 0), ScoreGroup(45, 3, 0), ScoreGroup(46, 9, 99)]}
    return effect(ActionKind.CALL, 0, cases, sample, {}, D)


@pytest.mark.parametrize(
    ("moves", "verdict"),
    [
        ([10] * 9, "too few to tell: 9 of 10"),
        ([10] * 10, "better than without"),
        ([-10] * 10, "worse than without"),
        ([0] * 10, "no clear difference"),
        # Mean 2; standard deviation 8.43, standard error 2.67: twice that is more.
        ([10] * 6 + [-10] * 4, "no clear difference"),
        # Mean 6; standard error 2.67.
        ([10] * 8 + [-10] * 2, "better than without"),
    ],
)
def test_the_verdict(moves: list[int], verdict: str) -> None:
    found = told(moves)
    assert found.verdict == verdict
    assert (found.cases, found.controls) == (len(moves), 4 * len(moves))
    assert found.difference == sum(moves) / len(moves)


# --- The page ---------------------------------------------------------------------------------------------------


@pytest.fixture
def viewer(client: Client, db: None) -> Client:
    make_day(date=D)
    client.force_login(make_staff("Viewer"))
    return client


def test_the_page(viewer: Client, program: None) -> None:
    text = words(main_part(viewer.get("/admin/effects/")))
    assert (
        "Call 14 days 1 +20.0 +0.7 3 compared +19.3 too few to tell: 1 of 10 3 without a score "
        "28 days 1 +30.0 +3.0 2 compared +27.0 too few to tell: 1 of 10 3 without a score"
    ) in text


def test_the_number_of_cases_leads_to_as_many(viewer: Client, program: None) -> None:
    for name, score in (("second", 38), ("third", 42)):
        done(scores(name, "at_risk", score, score + 1))
    done(scores("of-another-kind", "at_risk", 40, 41), kind="email")
    addresses = re.findall(r'href="(\?cases=[^"]*)" aria-label="(\d+): cases of', viewer.get("/admin/effects/").text)
    assert addresses == [("?cases=call-14#cases", "3"), ("?cases=call-28#cases", "1"), ("?cases=email-14#cases", "1")]
    found = {}
    for address, count in addresses:
        page = viewer.get(f"/admin/effects/{address.split('#')[0]}")
        found[address] = [
            (row.customer.pk, row.counted.case.day, row.counted.score, row.counted.later)
            for row in page.context["listed"].rows
        ]
        assert len(found[address]) == page.context["listed"].page.paginator.count == int(count)
    assert sorted(found["?cases=call-14#cases"]) == [
        ("case", DONE, 40, 60),
        ("second", DONE, 38, 39),
        ("third", DONE, 42, 43),
    ]
    assert found["?cases=call-28#cases"] == [("case", DONE, 40, 70)]
    assert found["?cases=email-14#cases"] == [("of-another-kind", DONE, 40, 41)]


def test_a_case_leads_to_its_customer_and_tasks_as_of_whichever_date(viewer: Client, program: None) -> None:
    make_day(date=DONE + timedelta(days=14))
    earlier = "as_of=2025-05-15"
    assert f'href="?{earlier}&amp;cases=call-14#cases"' in viewer.get(f"/admin/effects/?{earlier}").text
    again = Task.objects.create(customer_id="case", kind="call", what="again", due=DONE, state="done", closed_on=DONE)
    Task.objects.create(customer_id="case", kind="call", what="canceled", due=DONE, state="dropped", closed_on=DONE)
    page = main_part(viewer.get(f"/admin/effects/?{earlier}&cases=call-14"))
    assert f'href="/admin/customer/case/?{earlier}"' in page
    assert f'href="/admin/tasks/{again.pk}/"' in page
    assert "call 2025-05-01 again 1 May 2025 40 60 +20.0 +13.0 4 compared +7.0" in words(page)


def test_the_averages_lead_to_the_cases_that_they_are_of(viewer: Client, program: None) -> None:
    for name, score in (("second", 38), ("third", 33)):
        done(scores(name, "at_risk", score, score + 3))
    page = viewer.get("/admin/effects/").text
    # (20 + 3 + 3) of three; (2/3 + 0 - 4) of three.
    said = {"+8.7": "score moved", "−1.1": "similar customers moved", "+9.8": "difference"}
    for average, what in said.items():
        assert f'href="?cases=call-14#cases" aria-label="{average}: {what}, Call, 14 days"' in page
    listed = [row.counted for row in viewer.get("/admin/effects/?cases=call-14").context["listed"].rows]
    assert [one.delta for one in listed] == [3, 3, 20]
    # Similar are those at 35 to 45, as above; at 35 and 40, by -4 and +4; at 35 alone.
    assert {one.case.customer: one.control_delta for one in listed} == {
        "case": pytest.approx(2 / 3),
        "second": 0,
        "third": -4,
    }


@pytest.mark.parametrize("asked", ["", "call", "call-15", "visit-14", "call-14-14"])
def test_cases_of_no_kind_or_horizon_are_none(viewer: Client, program: None, asked: str) -> None:
    page = viewer.get("/admin/effects/", {"cases": asked})
    assert page.context["listed"] is None


def test_the_page_without_a_task_says_what_to_do(viewer: Client) -> None:
    assert "Nothing to compare yet" in words(main_part(viewer.get("/admin/effects/")))


@pytest.mark.parametrize("query", ["", "?cases=call-14"])
def test_the_same_queries_however_many_cases(viewer: Client, program: None, query: str) -> None:
    def count() -> int:
        viewer.get("/admin/cohorts/")  # finds the scored date
        with CaptureQueriesContext(connection) as captured:
            assert viewer.get(f"/admin/effects/{query}").status_code == 200
        return len(captured)

    few = count()
    for number in range(12):
        done(scores(f"n{number}", "healthy", 70, 75, 80), kind=["email", "call", "check_in"][number % 3])
    assert count() == few


def test_it_is_kept_until_something_changes(viewer: Client, program: None) -> None:
    def queries() -> int:
        viewer.get("/admin/cohorts/")  # finds the scored date
        with CaptureQueriesContext(connection) as captured:
            viewer.get("/admin/effects/")
        return len(captured)

    first = queries()
    assert queries() == first - 4
    done(scores("new", "healthy", 70, 75, 80), kind="testimonial")
    assert queries() == first
    assert "Testimonial" in words(main_part(viewer.get("/admin/effects/")))


def test_who_may_not_look(client: Client, db: None) -> None:
    client.force_login(make_staff())
    assert client.get("/admin/effects/").status_code == 403
