"""Boards: what their tiles show, of which date, to whom, and how they are made and changed."""

from datetime import date

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.models import Board, BoardTile, PortfolioDay, Report
from customers.models import AuditEntry
from tests.factories import make_customer, make_day, make_forecast, make_snapshot, make_staff
from tests.support.boards import make_board, saved, shown
from tests.support.pages import forget, links, main_part, names, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("night", "two")]

BEFORE = date(2025, 5, 3)


@pytest.fixture
def as_zoe(client: Client, zoe: User) -> Client:
    client.force_login(zoe)
    return client


def score_before() -> None:
    """A week before, Early alone was there, and at risk."""
    make_day(date=BEFORE, total=1)
    make_snapshot(make_customer(id="c0", organization="Early"), date=BEFORE, status="at_risk", score=40)


# --- What tiles show ----------------------------------------------------------------------------------------------


def test_a_number_and_what_it_changed_by(as_zoe: Client, zoe: User) -> None:
    score_before()
    board = make_board(
        zoe,
        (saved(zoe, "Everybody"), "count"),
        (saved(zoe, "At risk", "status=at_risk"), "count"),
        (saved(zoe, "Fine", "status=healthy&status=champion"), "count"),
    )
    page = as_zoe.get(f"/admin/board/{board.pk}/")
    assert shown(page) == [
        "Everybody All customers 2 +1 since 3 May 2025",
        "At risk Status: At risk 1 no change since 3 May 2025",
        "Fine Status: Healthy or Champion 1 +1 since 3 May 2025",
    ]
    [address] = links(page, "1")[:1]
    assert names(as_zoe.get(address)) == ["Acme Inc."]


def test_a_number_without_an_earlier_date(as_zoe: Client, zoe: User) -> None:
    board = make_board(zoe, (saved(zoe, "Everybody"), "count"))
    assert shown(as_zoe.get(f"/admin/board/{board.pk}/")) == ["Everybody All customers 2"]


def test_a_trend_counts_each_week_that_is_scored(as_zoe: Client, zoe: User) -> None:
    score_before()
    board = make_board(zoe, (saved(zoe, "At risk", "status=at_risk"), "trend"))
    tiles = as_zoe.get(f"/admin/board/{board.pk}/").context["tiles"]
    [trend] = [tile.figures.trend for tile in tiles]
    assert trend.title == "At risk, 15 Feb 2025 to 10 May 2025"
    assert trend.labels[0] == "15 Feb" and trend.labels[-2:] == ["3 May", "10 May"]
    assert trend.series[0].values == [*[None] * 11, 1, 1]


def test_a_trend_knows_none_found_from_nothing_scored(as_zoe: Client, zoe: User) -> None:
    score_before()
    board = make_board(zoe, (saved(zoe, "Fine", "status=healthy"), "trend"))
    [tile] = as_zoe.get(f"/admin/board/{board.pk}/").context["tiles"]
    assert tile.figures.trend.series[0].values == [*[None] * 11, 0, 1]


def test_a_chart_by_status_leads_to_the_customers_of_each(as_zoe: Client, zoe: User) -> None:
    board = make_board(zoe, (saved(zoe, "Some", "status=at_risk&status=healthy"), "chart"))
    page = as_zoe.get(f"/admin/board/{board.pk}/")
    [text] = shown(page)
    assert "Champion 0% 0 (0%)" in text and "Healthy 50% 1 (50%)" in text and "At risk 50% 1 (50%)" in text
    [address] = links(page, "At risk")
    assert names(as_zoe.get(address)) == ["Acme Inc."]


def test_a_table_has_the_reports_columns_and_order(as_zoe: Client, zoe: User) -> None:
    board = make_board(zoe, (saved(zoe, "Best", "sort=-score&columns=score,owner,signup_date"), "table"))
    page = as_zoe.get(f"/admin/board/{board.pk}/")
    assert shown(page) == [
        "Best All customers Name Score Owner Signed up Tide 75 – 1 May 2025 Acme Inc. 45 Zoe 1 May 2025 "
        "2 customers of Best by Score, descending"
    ]
    assert links(page, "Tide") == ["/admin/customer/c2/?as_of=2025-05-10"]


def test_a_table_has_the_headings_and_the_units_of_the_list(as_zoe: Client, zoe: User) -> None:
    columns = "email,success_rate,steps_done,days_to_value,forecast_quiet,change_7"
    customer = make_customer(id="c9", organization="Nine", email="nine@x.example")
    make_snapshot(customer, prs_merged=9, prs_generated=10, steps_done=5, days_to_complete=4)
    make_forecast(customer, quiet=250)
    board = make_board(zoe, (saved(zoe, "Nine", f"q=nine&columns={columns}"), "table"))
    [tile] = shown(as_zoe.get(f"/admin/board/{board.pk}/"))
    assert (
        "Name Email Success rate Progress Time to value Going quiet Change, 7 days "
        "Nine nine@x.example 90% 100% 4d 25% – 1 customer"
    ) in tile


def test_a_table_shows_ten_and_says_of_how_many(as_zoe: Client, zoe: User) -> None:
    for number in range(12):
        make_snapshot(make_customer(id=f"m{number}"))
    board = make_board(zoe, (saved(zoe, "Everybody", "sort=score"), "table"))
    [tile] = as_zoe.get(f"/admin/board/{board.pk}/").context["tiles"]
    assert (len(tile.figures.rows), tile.figures.count) == (10, 14)
    assert "All 14 of Everybody" in shown(as_zoe.get(f"/admin/board/{board.pk}/"))[0]


# --- Of which date ------------------------------------------------------------------------------------------------


def test_the_board_has_one_date_and_reports_are_relative_to_it(as_zoe: Client, zoe: User) -> None:
    score_before()
    board = make_board(
        zoe,
        (saved(zoe, "Everybody"), "count"),
        (saved(zoe, "The week before", as_of="week_before"), "chart"),
    )
    newest = shown(as_zoe.get(f"/admin/board/{board.pk}/"))
    assert newest[0] == "Everybody All customers 2 +1 since 3 May 2025"
    assert newest[1].startswith("The week before All customers · as of 3 May 2025 1 Customers by health status")
    page = as_zoe.get(f"/admin/board/{board.pk}/?as_of=2025-05-03")
    assert shown(page) == [
        "Everybody All customers 1",
        "Not shown Nothing is scored 7 to 14 days before 3 May 2025, which this report is about.",
    ]
    assert "As of 3 May 2025 · go to the newest date" in words(main_part(page))
    assert names(as_zoe.get(links(page, "1")[0])) == ["Early"]


def test_me_is_the_reports_owner(client: Client, zoe: User, mira: User) -> None:
    client.force_login(mira)
    board = make_board(zoe, (saved(zoe, "Hers", "owner=me"), "count"), shared=True)
    page = client.get(f"/admin/board/{board.pk}/")
    assert shown(page) == ["Hers Owner: Zoe, whose report it is 1"]
    assert names(client.get(links(page, "1")[0])) == ["Acme Inc."]


def test_what_a_tile_shows_follows_an_edit(as_zoe: Client, zoe: User) -> None:
    report = saved(zoe, "At risk", "status=at_risk")
    board = make_board(zoe, (report, "count"))
    assert shown(as_zoe.get(f"/admin/board/{board.pk}/")) == ["At risk Status: At risk 1"]
    as_zoe.post(f"/admin/reports/{report.pk}/view/", {"query": "status=champion"})
    assert shown(as_zoe.get(f"/admin/board/{board.pk}/")) == ["At risk Status: Champion 0"]


def test_the_queries_are_as_many_however_many_customers(as_zoe: Client, zoe: User) -> None:
    score_before()
    report = saved(zoe, "At risk", "status=at_risk")
    board = make_board(zoe, *((report, kind) for kind in BoardTile.Kind.values))

    def queries() -> int:
        forget()
        with CaptureQueriesContext(connection) as found:
            as_zoe.get(f"/admin/board/{board.pk}/")
        return len(found)

    few = queries()
    for number in range(30):
        make_snapshot(make_customer(id=f"m{number}"), status="at_risk")
    assert queries() == few < 50
    with CaptureQueriesContext(connection) as kept:
        as_zoe.get(f"/admin/board/{board.pk}/")
    assert len(kept) < 15


# --- To whom ------------------------------------------------------------------------------------------------------


def test_a_private_board_is_its_owners_and_a_shared_one_everybodys(client: Client, zoe: User, mira: User) -> None:
    private, shared = make_board(zoe), make_board(zoe, name="Shared", shared=True)
    client.force_login(make_staff("Viewer", username="vi"))
    assert client.get(f"/admin/board/{private.pk}/").status_code == 404
    assert client.get(f"/admin/board/{shared.pk}/").status_code == 200
    assert client.get(f"/admin/board/{shared.pk}/edit/").status_code == 403
    assert "1 board Shared" in words(main_part(client.get("/admin/board/")))
    client.force_login(mira)
    assert client.get(f"/admin/board/{private.pk}/edit/").status_code == 404
    assert client.get(f"/admin/board/{shared.pk}/edit/").status_code == 200


def test_a_private_report_on_a_shared_board_is_hidden_from_others(client: Client, zoe: User) -> None:
    report = saved(zoe, "Secret", "status=at_risk", shared=False)
    board = make_board(zoe, (report, "count"), shared=True)
    client.force_login(zoe)
    assert shown(client.get(f"/admin/board/{board.pk}/")) == ["Secret Status: At risk 1"]
    client.force_login(make_staff("Viewer", username="vi"))
    page = client.get(f"/admin/board/{board.pk}/")
    assert shown(page) == ["Not shown Its report is private."]
    assert "Secret" not in page.text


def test_of_a_deleted_owner_the_shared_boards_stay(client: Client, zoe: User, mira: User) -> None:
    report = saved(zoe, "Everybody")
    make_board(zoe, (report, "count"), name="Private")
    shared = make_board(zoe, (report, "count"), name="Shared", shared=True)
    zoe.delete()
    assert [(board.name, board.owner) for board in Board.objects.all()] == [("Shared", None)]
    client.force_login(mira)
    assert "is yours" in client.get(f"/admin/board/{shared.pk}/edit/").text
    client.post(f"/admin/board/{shared.pk}/edit/", {"name": "Mine now", "shared": "on"})
    shared.refresh_from_db()
    assert (shared.name, shared.owner) == ("Mine now", mira)


# --- Making and changing one --------------------------------------------------------------------------------------


def test_a_board_is_made_and_filled_without_a_script(as_zoe: Client, zoe: User) -> None:
    one, other = saved(zoe, "One"), saved(zoe, "Other")
    made = as_zoe.post("/admin/board/new/", {"name": "  Our   review "})
    board = Board.objects.get()
    assert (board.name, board.owner, board.shared) == ("Our review", zoe, False)
    assert made["Location"] == f"/admin/board/{board.pk}/edit/"
    tiles = f"/admin/board/{board.pk}/tiles/"
    for report, kind in ((one, "count"), (other, "table"), (one, "trend")):
        as_zoe.post(tiles, {"action": "add", "report": report.pk, "kind": kind})

    def order() -> list[str]:
        return [str(tile) for tile in board.tiles.all()]

    assert order() == ["Number of One", "Table of the first 10 of Other", "Trend of 13 weeks of One"]
    last = board.tiles.last()
    as_zoe.post(tiles, {"action": "up", "tile": last.pk})
    assert order() == ["Number of One", "Trend of 13 weeks of One", "Table of the first 10 of Other"]
    as_zoe.post(tiles, {"action": "down", "tile": board.tiles.first().pk})
    assert order() == ["Trend of 13 weeks of One", "Number of One", "Table of the first 10 of Other"]
    as_zoe.post(tiles, {"action": "remove", "tile": last.pk})
    assert order() == ["Number of One", "Table of the first 10 of Other"]
    again = as_zoe.post(tiles, {"action": "remove", "tile": last.pk}, follow=True)
    assert "That tile is gone already." in again.text
    done = AuditEntry.objects.filter(model="analytics.boardtile").values_list("action", flat=True)
    assert {"add", "change", "delete"} <= set(done)


def test_a_shared_board_takes_shared_reports_and_twelve_tiles(as_zoe: Client, zoe: User) -> None:
    private, shared = saved(zoe, "Private", shared=False), saved(zoe, "Shared")
    board = make_board(zoe, shared=True)
    page = as_zoe.post(f"/admin/board/{board.pk}/tiles/", {"action": "add", "report": private.pk, "kind": "count"})
    assert "Select a valid choice" in page.text
    for number in range(13):
        added = {"action": "add", "report": shared.pk, "kind": "count", "form_key": str(number)}
        page = as_zoe.post(f"/admin/board/{board.pk}/tiles/", added)
        assert page.status_code == (302 if number < 12 else 200)
    assert "A board has at most 12 tiles. Remove one first." in page.text
    assert board.tiles.count() == 12


def test_a_tile_that_is_sent_twice_is_added_once(as_zoe: Client, zoe: User) -> None:
    board = make_board(zoe)
    added = {"action": "add", "report": saved(zoe, "One").pk, "kind": "count", "form_key": "the same"}
    for _time in range(2):
        as_zoe.post(f"/admin/board/{board.pk}/tiles/", added)
    assert board.tiles.count() == 1


def test_two_boards_of_one_owner_have_two_names(as_zoe: Client, zoe: User) -> None:
    make_board(zoe)
    page = as_zoe.post("/admin/board/new/", {"name": "Weekly review"})
    assert "There is a board of that name already; choose another one." in page.text


def test_deleting_asks_first_and_leaves_the_reports(as_zoe: Client, zoe: User) -> None:
    board = make_board(zoe, (saved(zoe, "Everybody"), "count"))
    assert "Its reports stay." in as_zoe.get(f"/admin/board/{board.pk}/delete/").text
    as_zoe.post(f"/admin/board/{board.pk}/delete/")
    assert (Board.objects.count(), BoardTile.objects.count(), Report.objects.count()) == (0, 0, 1)


def test_with_a_deleted_report_its_tiles_go(as_zoe: Client, zoe: User) -> None:
    report = saved(zoe, "Everybody")
    board = make_board(zoe, (report, "count"))
    report.delete()
    assert "Add the first one" in as_zoe.get(f"/admin/board/{board.pk}/").text


def test_without_scores_there_is_nothing_to_show(as_zoe: Client, zoe: User) -> None:
    board = make_board(zoe, (saved(zoe, "Everybody"), "count"))
    PortfolioDay.objects.all().delete()
    forget()
    assert "<h2>Nothing is scored yet</h2>" in as_zoe.get(f"/admin/board/{board.pk}/").text
