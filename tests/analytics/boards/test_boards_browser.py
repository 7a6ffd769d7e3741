"""Boards in a browser: nothing is wrong with their pages, and paper has all of a board."""

import pytest
from playwright.sync_api import expect

from analytics.models import BoardTile
from tests.factories import load_demo_program, make_staff
from tests.house.test_browser_paper import OUTSIDE, to_paper
from tests.support.boards import make_board, saved
from tests.support.browsing import Opened, look, looks_alike

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.sqlite_is_enough,
    looks_alike,
]


def test_a_board_and_its_form(open_page: Opened) -> None:
    load_demo_program()
    owner = make_staff("Program manager", username="owner")
    report = saved(owner, "At risk or inactive", "status=at_risk&status=inactive")
    board = make_board(owner, *((report, kind) for kind in BoardTile.Kind.values), shared=True)
    page = open_page(f"/admin/board/{board.pk}/", role="Program manager")
    expect(page.locator("figure.graph.is-drawn")).to_have_count(1)
    assert look(page) == []
    page.goto(f"/admin/board/{board.pk}/edit/")
    assert look(page) == []
    page.goto(f"/admin/board/{board.pk}/")
    to_paper(page)
    assert page.evaluate(OUTSIDE) == []
    expect(page.locator(".rsolv button:visible, .rsolv .button:visible")).to_have_count(0)
    expect(page.get_by_text("Status: At risk or Inactive").first).to_be_visible()
