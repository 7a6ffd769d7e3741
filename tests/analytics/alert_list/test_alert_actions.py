"""What is done with alerts: acknowledged, put off, noted, by one panel and one form."""

import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from analytics.models import Alert
from tests.factories import make_alert, make_staff
from tests.support.alerts import TODAY, act
from tests.support.pages import Elements, main_part, said, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]


# --- What is done there -------------------------------------------------------------------------------------------


def test_acknowledge_one_or_many_and_take_it_back(client: Client, olga: User) -> None:
    first, second = make_alert(), make_alert()
    response = act(client, first, action="acknowledge", next="/admin/alerts/?owner=none")
    assert response.redirect_chain == [("/admin/alerts/?owner=none", 302)]
    assert said(response) == ["1 alert acknowledged."]
    first.refresh_from_db()
    assert (first.acknowledged_by, first.acknowledged_at is not None) == ("olga", True)
    response = act(client, first, second, action="acknowledge")
    assert said(response) == ["1 alert acknowledged.", "1 alert skipped: resolved, or acknowledged already."]
    assert Alert.objects.waiting(TODAY).count() == 0
    assert said(act(client, first, action="unacknowledge")) == ["1 alert unacknowledged."]
    assert Alert.objects.waiting(TODAY).get() == first


def test_whoever_acknowledges_first_has_done_it(client: Client, olga: User) -> None:
    alert = make_alert(acknowledged_at=timezone.now(), acknowledged_by="other")
    act(client, alert, action="acknowledge")
    alert.refresh_from_db()
    assert alert.acknowledged_by == "other"


@pytest.mark.parametrize(("days", "taken"), [(-1, False), (0, False), (1, True), (366, True), (367, False)])
def test_put_off_until_a_day_to_come(client: Client, olga: User, days: int, taken: bool) -> None:
    alert = make_alert()
    until = TODAY + timedelta(days=days)
    response = act(client, alert, action="snooze", until=until.isoformat())
    alert.refresh_from_db()
    assert (alert.snoozed_until, alert.snoozed_by) == ((until, "olga") if taken else (None, ""))
    assert said(response) == (
        [f"1 alert snoozed until {until:%-d %b %Y}."] if taken else ["Choose a future date within a year."]
    )


@pytest.mark.parametrize(
    ("until", "sentence"),
    [("", "Choose a date."), ("soon", "Enter a valid date."), ("0000-00-00", "Enter a valid date.")],
)
def test_a_day_that_is_none_is_refused(client: Client, olga: User, until: str, sentence: str) -> None:
    assert said(act(client, make_alert(), action="snooze", until=until)) == [sentence]


def test_wake_and_note(client: Client, olga: User) -> None:
    alert = make_alert(snoozed_until=date(2025, 6, 1), snoozed_by="other")
    assert said(act(client, alert, action="unsnooze")) == ["1 alert unsnoozed."]
    act(client, alert, action="note", note="  Called\r\nthem ")
    alert.refresh_from_db()
    assert (alert.snoozed_until, alert.note) == (None, "Called\nthem")


def test_what_is_over_takes_a_note_and_nothing_else(client: Client, olga: User) -> None:
    alert = make_alert(closed_on=TODAY, closed_at=timezone.now())
    for action in ("acknowledge", "snooze"):
        response = act(client, alert, action=action, until="2025-05-20")
        assert said(response)[0].startswith("1 alert skipped: resolved")
    assert said(act(client, alert, action="note", note="x")) == ["1 alert noted."]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"alert": []}, "No alert is selected."),
        ({"alert": ["999999"]}, "Select a valid choice. 999999 is not one of the available choices."),
        ({"alert": ["x"]}, "“x” is not a valid value."),
        ({"action": "delete"}, "Select a valid choice. delete is not one of the available choices."),
    ],
)
def test_what_cannot_be_done_is_said(client: Client, olga: User, data: dict[str, Any], sentence: str) -> None:
    alert = make_alert()
    response = client.post("/admin/alerts/act/", {"alert": [alert.pk], "action": "acknowledge", **data}, follow=True)
    assert said(response) == [sentence]


@pytest.mark.parametrize("address", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_it_leads_back_only_to_our_own_pages(client: Client, olga: User, address: str) -> None:
    response = act(client, make_alert(), action="acknowledge", next=address)
    assert response.redirect_chain[0] == ("/admin/alerts/", 302)


def test_it_is_not_done_by_a_link(client: Client, olga: User) -> None:
    alert = make_alert()
    response = client.get(f"/admin/alerts/act/?alert={alert.pk}&action=acknowledge", follow=True)
    assert response.redirect_chain[0] == ("/admin/alerts/", 302)
    alert.refresh_from_db()
    assert alert.acknowledged_at is None


# --- One panel, one form ------------------------------------------------------------------------------------------


def panel(client: Client, alert: Alert) -> dict[str, str]:
    """What the alert's panel on the page would send, without its buttons."""
    [form] = re.findall(
        rf'data-draft="alert-{alert.pk}">.*?</form>', client.get("/admin/alerts/?told=").text, re.DOTALL
    )
    return inputs(form)


def inputs(form: str) -> dict[str, str]:
    found = [attributes for tag, attributes in Elements(form).found if tag == "input"]
    [note] = re.findall(r'name="note"[^>]*>\n?(.*?)</textarea>', form, re.DOTALL)
    return {**{one["name"]: one.get("value") or "" for one in found if one.get("type") != "radio"}, "note": note}


@pytest.mark.parametrize(
    ("action", "field", "value", "sentence"),
    [
        ("acknowledge", "acknowledged_by", "olga", "1 alert acknowledged, and the note is saved."),
        ("snooze", "snoozed_until", date(2025, 5, 20), "1 alert snoozed until 20 May 2025, and the note is saved."),
    ],
)
def test_a_note_goes_along_with_whatever_is_pressed(
    client: Client, olga: User, action: str, field: str, value: object, sentence: str
) -> None:
    alert = make_alert()
    until = {"until": "2025-05-20"} if action == "snooze" else {}
    response = act(client, alert, **{**panel(client, alert), **until, "note": "Asked Ann", "action": action})
    assert said(response) == [sentence]
    alert.refresh_from_db()
    assert (alert.note, getattr(alert, field)) == ("Asked Ann", value)


def test_a_date_beside_another_button_goes_along_too(client: Client, olga: User) -> None:
    alert = make_alert()
    response = act(client, alert, **{**panel(client, alert), "until": "2025-05-20", "action": "acknowledge"})
    assert said(response) == ["1 alert snoozed until 20 May 2025.", "1 alert acknowledged."]
    response = act(client, alert, **{**panel(client, alert), "until": "2025-05-21", "action": "note"})
    assert said(response) == ["1 alert snoozed until 21 May 2025."]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"until": ""}, "Choose a date."),
        ({"until": "2025-05-01"}, "Choose a future date within a year."),
        ({"until": "soon"}, "Enter a valid date."),
        ({"until": "2025-05-01", "action": "acknowledge"}, "Choose a future date within a year."),
        ({"until": "", "action": "note", "note": "n" * 5_001}, "at most 5000 characters (it has 5001)."),
    ],
)
def test_what_is_wrong_brings_the_panel_back_with_the_note(
    client: Client, olga: User, data: dict[str, str], reason: str
) -> None:
    alert = make_alert(note="Old")
    sent = {
        **panel(client, alert),
        "action": "snooze",
        "note": "Asked Ann",
        "next": "/admin/alerts/?mine=true",
        **data,
    }
    response = client.post("/admin/alerts/act/", sent)
    assert response.status_code == 422
    assert reason in words(main_part(response))
    form = inputs(main_part(response))
    assert form["note"] == sent["note"]
    assert form["next"] == "/admin/alerts/?mine=true"
    assert form["until"] == data["until"]
    alert.refresh_from_db()
    assert (alert.note, alert.acknowledged_at, alert.snoozed_until) == ("Old", None, None)
    # And it can be sent from there.
    response = act(client, alert, **{**form, "until": "2025-05-20", "note": "Asked Ann", "action": "snooze"})
    alert.refresh_from_db()
    assert (alert.note, alert.snoozed_until) == ("Asked Ann", date(2025, 5, 20))


def test_two_notes_at_once_are_both_shown(client: Client, olga: User) -> None:
    alert = make_alert(note="Old")
    mine = panel(client, alert)
    other = Client()
    other.force_login(make_staff("Program manager", username="otto"))
    act(other, alert, **{**panel(other, alert), "note": "Otto called", "action": "note"})
    response = client.post("/admin/alerts/act/", {**mine, "note": "I wrote", "action": "acknowledge"})
    assert response.status_code == 409
    page = words(main_part(response))
    assert "Otto called" in page
    assert "I wrote" in response.text
    alert.refresh_from_db()
    assert (alert.note, alert.acknowledged_at) == ("Otto called", None)
    # An action without a word about the note leaves the other's.
    response = act(client, alert, **{**mine, "action": "acknowledge"})
    alert.refresh_from_db()
    assert (alert.note, alert.acknowledged_by) == ("Otto called", "olga")


def test_whose_day_it_was_before_is_said(client: Client, olga: User) -> None:
    make_staff("Program manager", username="otto", first_name="Otto", last_name="Ott")
    alert = make_alert(snoozed_until=date(2025, 5, 15), snoozed_by="otto")
    response = act(client, alert, action="snooze", until="2025-05-20")
    assert said(response)[0] == f"Before, Otto Ott had snoozed it until 15 May 2025: {alert.text}."


def test_a_viewer_sees_alerts_without_what_to_do(client: Client) -> None:
    client.force_login(make_staff("Viewer"))
    make_alert()
    html = main_part(client.get("/admin/alerts/"))
    assert "At risk with a score of 45" in html
    assert "<button" not in html.replace('<button class="button button-primary" type="submit">Filter</button>', "")
