"""A page of alerts is kept for all who may do the same, until anybody edits anything."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.models import Alert
from tests.factories import make_alert, make_staff
from tests.support.alerts import TODAY, of
from tests.support.pages import main_part, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]

ALL = "/admin/alerts/?told="


def test_a_second_view_asks_only_who_looks_and_whether_anything_has_changed(client: Client, olga: User) -> None:
    make_alert(of(olga))
    first = words(main_part(client.get(ALL)))
    with CaptureQueriesContext(connection) as asked:
        second = words(main_part(client.get(ALL)))
    assert "1 alert" in first and second == first
    assert len(asked) == 5, "the session, the user with two for the permissions, and the state"


def test_who_looks_at_a_kept_page_acts_by_a_token_of_their_own(olga: User) -> None:
    alert = make_alert(of(olga))
    tokens = set()
    for name in ("ann", "bo"):
        visitor = Client(enforce_csrf_checks=True)
        visitor.force_login(make_staff("Success manager", username=name))
        form = main_part(visitor.get(ALL)).partition(f'data-draft="alert-{alert.pk}"')[2]
        pairs = re.findall(r'name="(\w+)" value="([^"]*)"', form.partition("</form>")[0])
        sent = {key: unescape(value) for key, value in pairs}
        tokens.add(sent["csrfmiddlewaretoken"])
        note = {**sent, "action": "note", "note": f"By {name}"}
        assert visitor.post("/admin/alerts/act/", note).status_code == 302
        assert Alert.objects.get().note == f"By {name}"
    assert len(tokens) == 2


def test_what_one_does_the_next_view_of_another_shows(client: Client, olga: User) -> None:
    alert, bo = make_alert(of(olga)), Client()
    bo.force_login(make_staff("Success manager", username="bo"))
    before = words(main_part(bo.get(ALL)))
    client.post("/admin/alerts/act/", {"alert": alert.pk, "action": "acknowledge"})
    after = words(main_part(bo.get(ALL)))
    assert "acknowledged by" not in before and "acknowledged by olga" in after


def test_who_may_only_read_is_not_shown_the_forms_of_others(client: Client, olga: User) -> None:
    make_alert(of(olga))
    viewer = Client()
    viewer.force_login(make_staff("Viewer"))
    assert "Save note" in words(main_part(client.get(ALL)))
    assert "Save note" not in words(main_part(viewer.get(ALL)))


def test_a_refused_act_is_shown_to_whom_it_was_refused_and_once(client: Client, olga: User) -> None:
    alert, bo = make_alert(of(olga)), Client()
    bo.force_login(make_staff("Success manager", username="bo"))
    sent = {"alert": alert.pk, "action": "add_note", "added_note": "", "what": "Call them", "next": ALL}
    refused = client.post("/admin/alerts/act/", sent, follow=True)
    assert 'value="Call them"' in main_part(refused)
    assert 'value="Call them"' not in main_part(bo.get(ALL))
    assert 'value="Call them"' not in main_part(client.get(ALL))


def test_a_snooze_ends_by_itself(client: Client, olga: User, today_is: Callable[[date], None]) -> None:
    make_alert(of(olga), snoozed_until=TODAY + timedelta(days=1), snoozed_by="olga")
    assert "snoozed until" in words(main_part(client.get(ALL)))
    today_is(TODAY + timedelta(days=1))
    assert "snoozed until" not in words(main_part(client.get(ALL)))


@pytest.mark.parametrize(
    ("value", "is_yes"), [("1", True), ("True", True), ("TRUE", True), ("2", False), ("yes", False)]
)
def test_mine_shows_nobody_the_alerts_of_another(client: Client, olga: User, value: str, is_yes: bool) -> None:
    """What is no yes is told, and narrows nothing."""
    bo = Client()
    bo.force_login(staff := make_staff("Success manager", username="bo"))
    for owner, name in ((olga, "Hers"), (staff, "His")):
        make_alert(of(owner, organization=name))
    address = f"/admin/alerts/?mine={value}"
    hers, his = (words(main_part(one.get(address, follow=True))) for one in (client, bo))
    assert ("neither true nor false" in hers, "neither true nor false" in his) == (not is_yes, not is_yes)
    assert ("Hers" in hers, "His" in hers) == (True, not is_yes)
    assert ("Hers" in his, "His" in his) == (not is_yes, True)
