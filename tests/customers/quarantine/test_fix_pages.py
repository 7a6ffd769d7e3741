"""Fixes by spreadsheet, by form and in bulk: the download and the pages of quarantined rows."""

import csv
import io
from pathlib import Path

import pytest
from django.test import Client

from customers.models import Customer, Fix, ImportRun, QuarantinedRow
from tests.factories import make_customer, make_run, make_staff, write_feed
from tests.support.commands import held_elsewhere
from tests.support.loading import customer_row, load, states, write_bytes
from tests.support.pages import notices, said, words
from tests.support.quarantined_rows import bad_customer, fixed, load_engagement_lines

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("on_10_may")]

LIST = "/admin/customers/quarantinedrow/"
HOSTILE = '<script>alert("x")</script>'


# --- The spreadsheet --------------------------------------------------------------------------------------------


def test_the_download_says_what_is_wrong_and_is_safe_for_spreadsheets(tmp_path: Path, manager: Client) -> None:
    bad = bad_customer(tmp_path, organization="=1+1", cohort="'-x")
    response = manager.get(f"{LIST}download/customers/")
    assert response["Content-Disposition"] == 'attachment; filename="customers-quarantined.csv"'
    [row] = csv.DictReader(io.StringIO(response.content.decode("utf-8-sig")))
    assert row["reasons"] == "email: 'nowhere' is not an email address"
    assert row["quarantined_row"] == str(bad.pk)
    assert (row["id"], row["organization"], row["cohort"]) == ("c2", "'=1+1", "''-x")


def test_in_the_drop_folder_reasons_are_an_unknown_column(tmp_path: Path) -> None:
    make_customer(id="c1")
    write_bytes(
        tmp_path,
        "customers.csv",
        b"reasons,id,email,organization,github_username,signup_date,cohort,"
        b"industry,team_size,status\nnone,c2,a@b.example,'=1,,2025-05-01,,,,\n",
    )
    outcome = load(tmp_path, "customers")["customers"]
    assert (states(outcome), outcome.warnings) == ((1, 0, 0, 0), ["unknown columns are ignored: 'reasons'"])
    assert ImportRun.objects.latest("pk").scope == "whole"
    assert list(Customer.objects.exclude(missing_since=None).values_list("pk", flat=True)) == ["c1"]
    assert Customer.objects.get(pk="c2").organization == "'=1"


def test_the_download_has_the_rows_of_the_filter_that_are_open(tmp_path: Path, manager: Client) -> None:
    write_feed(tmp_path, "customers", [customer_row(1, email="x"), customer_row(2, team_size="x")])
    load(tmp_path, "customers")
    assert len(manager.get(f"{LIST}download/customers/").text.splitlines()) == 3
    assert len(manager.get(f"{LIST}download/customers/?reason=email").text.splitlines()) == 2
    assert len(manager.get(f"{LIST}download/events/").text.splitlines()) == 1
    QuarantinedRow.objects.update(status="loaded")
    assert len(manager.get(f"{LIST}download/customers/").text.splitlines()) == 1
    assert manager.get(f"{LIST}download/nothing/").status_code == 404


# --- The pages --------------------------------------------------------------------------------------------------


def shown(client: Client, query: str) -> list[str]:
    response = client.get(f"{LIST}?{query}")
    assert response.status_code == 200
    return sorted(row.key for row in response.context["cl"].result_list)


def test_the_list_is_filtered_by_feed_reason_run_and_status(manager: Client) -> None:
    first, second = make_run(), make_run(feed="events")
    for run, key, reasons in (
        (first, "a", ["email: bad"]),
        (first, "b", ["organization: bad", 'team_size: says "email: x", "email: y']),
        (second, "c", ["row: has 2 cells", "date: bad"]),
    ):
        QuarantinedRow.objects.create(run=run, feed=run.feed, line=2, raw=key, key=key, reasons=reasons)
    QuarantinedRow.objects.filter(key="a").update(status="loaded")
    assert shown(manager, "reason=email") == ["a"]
    assert shown(manager, "reason=team_size") == ["b"]
    assert shown(manager, "reason=row") == ["c"]
    assert shown(manager, "reason=date&feed__exact=events") == ["c"]
    assert shown(manager, f"run={first.pk}") == ["a", "b"]
    assert shown(manager, "run=x") == []
    assert shown(manager, "feed__exact=customers&status__exact=open") == ["b"]


def test_the_form_fixes_a_row_and_replays_it(tmp_path: Path, manager: Client) -> None:
    row = bad_customer(tmp_path, email=HOSTILE, cohort="two\nlines")
    page = f"{LIST}{row.pk}/fix/"
    response = manager.get(page)
    assert HOSTILE not in response.text
    assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;" in response.text
    [reason] = [words(part.split("</ul>")[0]) for part in response.text.split('id="reasons-email">')[1:]]
    assert reason == f"⚠ '{HOSTILE}' is not an email address"
    sent = {name: response.context["form"][name].value() for name in response.context["form"].fields}
    sent |= {"email": " two@example.com\u00a0", "cohort": "two\r\nlines"}
    response = manager.post(page, sent, follow=True)
    run = ImportRun.objects.latest("pk")
    assert response.redirect_chain == [(LIST, 302)]
    assert said(response) == [f"Run {run.pk}, customers: 1 created, 0 updated, 0 unchanged, 0 still in quarantine."]
    customer = Customer.objects.get(pk="c2")
    assert (customer.email, customer.cohort) == ("two@example.com", "two\nlines")
    made = Fix.objects.get()
    assert (made.feed, made.raw, made.made_by, made.cells[1]) == ("customers", row.raw, "mary", "two@example.com")
    assert said(manager.get(page, follow=True)) == ["Line 3 is no longer in quarantine: resolved."]
    counts = manager.get(f"/admin/customers/importrun/{run.pk}/change/").context["counts"]
    assert [(count.label, count.number) for count in counts][:2] == [("Created", 1), ("Updated", 0)]
    [link] = [count.link for count in counts if count.label == "Left the quarantine"]
    assert [row.key for row in manager.get(link).context["cl"].result_list] == ["c2"]


def test_a_fix_that_does_not_help_shows_the_new_reasons(tmp_path: Path, manager: Client) -> None:
    row = bad_customer(tmp_path)
    page = f"{LIST}{row.pk}/fix/"
    response = manager.post(page, {"id": "c2", "email": "two@example.com", "organization": "Two"}, follow=True)
    assert response.redirect_chain == [(page, 302)]
    assert response.context["form"].by_column["signup_date"] == ["is required, but blank"]
    manager.post(page, {"id": "c2", "email": "2@example.com", "organization": "Two", "signup_date": "2025-05-01"})
    assert Fix.objects.count() == 1
    assert Customer.objects.get(pk="c2").email == "2@example.com"


def test_a_row_without_cells_shows_its_text_and_what_it_gives(tmp_path: Path, manager: Client) -> None:
    make_customer(id="c1")
    load_engagement_lines(tmp_path, f"e1,c1,{HOSTILE}")
    response = manager.get(f"{LIST}{QuarantinedRow.objects.get().pk}/fix/")
    assert notices(response) == ["row: has 3 cells, the header has 8"]
    assert HOSTILE not in response.text
    form = response.context["form"]
    assert [form[name].value() for name in form.fields] == ["e1", "c1", HOSTILE, "", "", "", "", ""]


def test_one_many_or_all_shown_are_replayed(tmp_path: Path, manager: Client) -> None:
    write_feed(tmp_path, "customers", [customer_row(number, email="x") for number in (1, 2, 3)])
    load(tmp_path, "customers")
    for row in QuarantinedRow.objects.all():
        fixed(row, email="ok@example.com")
    chosen = QuarantinedRow.objects.get(key="c1")
    manager.post(LIST, {"action": "replay_chosen", "_selected_action": [chosen.pk]})
    assert set(Customer.objects.values_list("pk", flat=True)) == {"c1"}
    response = manager.post(f"{LIST}replay/?q=c3", follow=True)
    assert response.redirect_chain == [(f"{LIST}?q=c3", 302)]
    assert set(Customer.objects.values_list("pk", flat=True)) == {"c1", "c3"}
    manager.post(f"{LIST}replay/")
    assert Customer.objects.count() == 3
    assert said(manager.post(f"{LIST}replay/", follow=True))[-1:] == [
        "None of these rows is in quarantine any more: nothing was replayed."
    ]
    assert manager.get(f"{LIST}replay/?q=c3").url == f"{LIST}?q=c3"
    assert manager.post(f"{LIST}replay/?nonsense__x=1").status_code == 400


def test_where_no_open_row_is_shown_nothing_is_offered(tmp_path: Path, manager: Client) -> None:
    row = bad_customer(tmp_path)
    offered = "Replay all that are shown"
    for asked in ("", "?status__exact=all", "?feed__exact=customers"):
        assert offered in manager.get(f"{LIST}{asked}").text
    for asked in ("?status__exact=resolved", "?q=nobody"):
        page = manager.get(f"{LIST}{asked}").text
        assert offered not in page
        assert "Download to correct" not in page
    QuarantinedRow.objects.filter(pk=row.pk).update(status="resolved")
    for asked in ("", "?status__exact=all"):
        assert offered not in manager.get(f"{LIST}{asked}").text


def test_while_an_import_runs_nothing_is_replayed(tmp_path: Path, manager: Client) -> None:
    bad_customer(tmp_path)
    with held_elsewhere("import"):
        assert said(manager.post(f"{LIST}replay/", follow=True)) == [
            "An import is running; try again when it has ended."
        ]
    assert ImportRun.objects.count() == 1


@pytest.mark.parametrize(("role", "words_there"), [("Viewer", []), ("Success manager", ["Download"])])
def test_what_one_may_not_do_is_not_offered(role: str, words_there: list[str], tmp_path: Path, client: Client) -> None:
    row = bad_customer(tmp_path)
    client.force_login(make_staff(role))
    for page in (LIST, f"{LIST}{row.pk}/change/"):
        text = client.get(page).text
        assert "Replay" not in text
        assert f"/{row.pk}/fix/" not in text
        assert ("Download to correct" in text) == (bool(words_there) and page == LIST)
    client.post(LIST, {"action": "replay_chosen", "_selected_action": [row.pk]})
    assert ImportRun.objects.count() == 1


@pytest.mark.parametrize(("waits", "said"), [(True, "Yes; later imports try it again"), (False, "No")])
def test_a_row_says_in_words_whether_it_waits(manager: Client, waits: bool, said: str) -> None:
    run = make_run(feed="engagement")
    row = QuarantinedRow.objects.create(
        run=run, feed="engagement", line=2, raw="e1", waits_for_customer=waits, reasons=[]
    )
    page = words(manager.get(f"/admin/customers/quarantinedrow/{row.pk}/change/").text)
    assert f"Waits for its customer {said} Fix" in page
