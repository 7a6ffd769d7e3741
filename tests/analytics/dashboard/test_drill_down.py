"""Each number leads to the rows that it counts: they are as many, whoever looks and as of whichever date."""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from html import unescape
from statistics import median
from urllib.parse import urlsplit

import pytest
from django.test import Client

from analytics.models import BoardTile, Snapshot
from customers.models import CustomerCare
from tests.factories import load_demo_program, make_staff
from tests.support.boards import make_board, saved
from tests.support.pages import rows as rows_of

pytestmark = pytest.mark.django_db
Counted = tuple[str, int, str]


@pytest.fixture
def owner(client: Client) -> Client:
    """Who looks after one customer, whom the list shows where an address asks for nothing."""
    load_demo_program(date(2025, 5, 2), date(2025, 5, 3), date(2025, 5, 9), date(2025, 5, 10))
    user = make_staff("Program manager")
    CustomerCare.objects.update_or_create(customer_id="c1001", defaults={"owner": user})
    client.force_login(user)
    return client


def numbers(page: str) -> Iterator[Counted]:
    """Each link to the list that says how many it leads to: what it is called, how many, and where it leads."""
    without_charts = re.sub(r"<figure .*?</figure>", "", page, flags=re.DOTALL)
    for attributes, text in re.findall(r"<a ([^>]*#customers[^>]*)>(.*?)</a>", without_charts, re.DOTALL):
        given = dict(re.findall(r'([\w-]+)="([^"]*)"', attributes))
        words = unescape(given.get("aria-label", "") or text)
        whole = re.search(r"([\d,]+) of [\d,]+", given.get("title", "") or words)
        said = whole or re.search(r": ([\d,]+)\b(?!%)", words) or re.match(r"(?:and )?([\d,]+)\b(?!%)", words)
        if said:
            yield words, int(said[1].replace(",", "")), unescape(given["href"])


def rows(client: Client, address: str) -> int:
    """How many customers the list has there."""
    response = client.get(address.split("#")[0], follow=True)
    assert response.status_code == 200
    assert not response.context["filters"].errors
    return int(response.context["count"])


PAGES = (("/admin/", 15), ("/admin/summary/", 5), ("/admin/cohorts/", 25), ("/admin/cohorts/?by=month", 25))
AVERAGES = re.compile(r"(Onboarding rate|Success rate|Average time)|[\d.]+d?: (median|average) ")
AVERAGE = re.compile(
    r"(?P<card>Success rate|Average time to value|All steps): (?P<shown>[\d.]+)|"
    r"(?P<figure>[\d.]+)[d%]?: (?P<kind>median time to value|average time to value|success rate|average score), "
)
RETAINED = re.compile(r": ([\d,]+) of ([\d,]+) active in week")


@pytest.mark.parametrize("day", ["", "2025-05-09"])
def test_each_number_leads_to_as_many_rows(owner: Client, day: str) -> None:
    checked = set()
    for page, least in PAGES:
        address = f"{page}{'&' if '?' in page else '?'}as_of={day}" if day else page
        above_the_list = owner.get(address, follow=True).text.split('aria-labelledby="customers"')[0]
        found = list(numbers(above_the_list))
        assert len(found) >= least
        for words, count, leads_to in found:
            if AVERAGES.match(words) or leads_to in checked:
                continue
            checked.add(leads_to)
            if (retained := RETAINED.search(words)) and "quiet_week" in leads_to:
                # It says of itself that it leads to those who were not.
                count = int(retained[2]) - int(retained[1])
            assert rows(owner, leads_to) == count, (words, leads_to)
            assert (f"as_of={day}" in leads_to) == bool(day)


def rounded(number: float | Decimal, digits: str = "1") -> str:
    """The number rounded half up, as the pages have it."""
    return str(Decimal(str(number)).quantize(Decimal(digits), ROUND_HALF_UP))


def calculated(kind: str, found: Sequence[Snapshot]) -> str:
    """The figure of a kind, from the rows that it leads to."""
    days = [one.days_to_complete for one in found if one.days_to_complete is not None]
    match kind:
        case "median time to value":
            return rounded(median(days), "0.1")
        case "average time to value":
            return rounded(Decimal(sum(days)) / len(days), "0.1")
        case "success rate":
            assert all(one.prs_generated for one in found)
            return rounded(
                Decimal(100 * sum(one.prs_merged for one in found)) / sum(one.prs_generated for one in found)
            )
        case "average score":
            return rounded(Decimal(sum(one.score for one in found)) / len(found))
        case _:
            return rounded(Decimal(100 * sum(one.steps_done for one in found)) / (5 * len(found)))


def averages(page: str) -> Iterator[tuple[str, str, str]]:
    """Each link to the list whose words are an average or a rate: of which kind, how much, and where it leads."""
    for attributes in re.findall(r"<a ([^>]*#customers[^>]*)>", page):
        given = dict(re.findall(r'([\w-]+)="([^"]*)"', attributes))
        if said := AVERAGE.match(unescape(given.get("aria-label", ""))):
            kind = (said["card"] or said["kind"]).lower()
            yield kind, said["shown"] or said["figure"], unescape(given["href"])


@pytest.mark.parametrize("day", ["", "2025-05-09"])
def test_each_average_leads_to_the_rows_that_give_it(owner: Client, day: str) -> None:
    kinds = {"/admin/": 3, "/admin/summary/": 2, "/admin/cohorts/": 4, "/admin/cohorts/?by=month": 4}
    for page, least in kinds.items():
        address = f"{page}{'&' if '?' in page else '?'}as_of={day}" if day else page
        found = list(averages(owner.get(address, follow=True).text))
        assert len({kind for kind, _figure, _leads_to in found}) == least
        for kind, figure, leads_to in found:
            response = owner.get(leads_to.split("#")[0], follow=True)
            assert not response.context["filters"].errors
            assert calculated(kind, list(response.context["filters"].qs)) == figure, leads_to
            assert (f"as_of={day}" in leads_to) == bool(day)


def test_the_rows_of_an_average_are_in_its_order_and_show_it(owner: Client) -> None:
    cohorts = owner.get("/admin/cohorts/").text
    overall = {kind: leads_to for kind, _figure, leads_to in averages(cohorts.split("<tfoot>")[1])}
    slowest = rows_of(owner.get(overall["median time to value"].split("#")[0]))
    assert [row[3] for row in slowest] == ["5d", "4d", "4d", "3d", "3d", "2d"]
    lowest = rows_of(owner.get(overall["success rate"].split("#")[0]))
    assert len(lowest) == 6
    rates = [int(row[4].removesuffix("%")) for row in lowest]
    assert rates == sorted(rates)


def test_where_all_were_active_a_cell_leads_to_those_whose_week_has_ended(owner: Client) -> None:
    cells = []
    for page in ("/admin/cohorts/?weeks=52", "/admin/cohorts/?by=month&weeks=52"):
        cells += [one for one in numbers(owner.get(page).text) if "signup_to=" in one[2]]
    assert cells
    for words, count, leads_to in cells:
        said = RETAINED.search(words)
        assert said
        assert said[1] == said[2]
        assert rows(owner, leads_to) == count, (words, leads_to)


def test_each_cell_of_all_customers_leads_to_those_who_were_not_active(owner: Client) -> None:
    page = owner.get("/admin/cohorts/?as_of=2025-05-09").text
    [total] = re.findall(r"<tfoot>.*?</tfoot>", page.split('aria-labelledby="retention"')[1], re.DOTALL)
    assert total.count('<td class="heat heat-') == len(re.findall(r'<td class="heat heat-\d+"><a href="', total)) == 8
    quiet = [(words, leads_to) for words, _count, leads_to in numbers(total) if "quiet_week" in leads_to]
    assert len(quiet) == 3
    for words, leads_to in quiet:
        said = RETAINED.search(words)
        assert said
        assert rows(owner, leads_to) == int(said[2]) - int(said[1]) > 0, (words, leads_to)
        assert leads_to.startswith("/admin/?owner=&quiet_week=")


def test_the_names_of_what_changed_in_a_week_lead_to_their_pages(owner: Client) -> None:
    changed = owner.get("/admin/summary/?as_of=2025-05-09").text.split('aria-labelledby="changed"')[1]
    named = re.findall(r'<a href="(/admin/customer/[^"]*)"><bdi>(.*?)</bdi></a>', changed.split("</section>")[0])
    assert named
    for address, name in named:
        assert address.endswith("/?as_of=2025-05-09")
        assert f'<h1><span dir="auto">{name}</span>' in owner.get(address).text


def test_the_numbers_of_a_board_lead_to_as_many_rows(owner: Client) -> None:
    report = saved(make_staff("Viewer"), "Not well", "status=at_risk&status=needs_attention&status=inactive")
    board = make_board(make_staff("Viewer"), *((report, kind) for kind in BoardTile.Kind.values), shared=True)
    found = list(numbers(owner.get(f"/admin/board/{board.pk}/").text))
    assert len(found) >= 6
    for words, count, leads_to in found:
        assert rows(owner, leads_to) == count, (words, leads_to)


def test_the_points_of_a_boards_trend_lead_to_as_many_rows_of_their_day(owner: Client) -> None:
    report = saved(make_staff("Viewer"), "Not well", "status=at_risk&status=needs_attention&status=inactive")
    board = make_board(make_staff("Viewer"), (report, "trend"), shared=True)
    [tile] = owner.get(f"/admin/board/{board.pk}/").context["tiles"]
    chart = tile.figures.trend
    [series] = chart.series
    known = [(count, leads_to) for count, leads_to in zip(series.values, chart.addresses, strict=True) if leads_to]
    assert len(known) == 2
    assert ["as_of=2025-05-03" in known[0][1], "as_of=2025-05-10" in known[1][1]] == [True, True]
    for count, leads_to in known:
        assert rows(owner, leads_to) == count, leads_to


def test_the_points_of_the_dashboards_charts_keep_the_filters(owner: Client) -> None:
    page = owner.get("/admin/?owner=&status=at_risk&sort=score&compare=30&as_of=2025-05-10&page=2").text
    points = {unescape(found) for found in re.findall(r'href="(/admin/\?as_of=2025-05-09[^"]*)"', page)}
    kept = "/admin/?as_of=2025-05-09&owner=&status=at_risk&sort=score&compare=30"
    assert {urlsplit(point).query for point in points} >= {urlsplit(kept).query}
    assert kept in page.encode().decode("unicode_escape")


def test_a_further_filter_keeps_what_the_form_has_no_field_for(owner: Client) -> None:
    page = owner.get("/admin/?owner=&signup=2025-05&crossed=at_risk").text
    form = page.split('aria-label="Customers" action=')[1].split("</form>")[0]
    assert '<input type="hidden" name="signup" value="2025-05">' in form
    assert '<input type="hidden" name="crossed" value="at_risk">' in form
