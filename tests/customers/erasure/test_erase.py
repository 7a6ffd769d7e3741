"""A customer who is erased leaves no trace, in no table and no file, and no way in brings anything of them back."""

import gzip
import json
import random
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from analytics.models import Alert, AlertRule, CohortDay, Digest, Night, PortfolioDay, Snapshot, Task
from customers.archive import files, redact
from customers.archive.erased import ErasedIds
from customers.audit import trail
from customers.core.signals import customer_erased
from customers.erasure.erase import erase, preview_erasure
from customers.feeds.declarations import FEEDS
from customers.imports.fixes import fix
from customers.imports.load import replay_chosen
from customers.models import (
    AuditEntry,
    Customer,
    CustomerCare,
    Engagement,
    Erasure,
    Fix,
    ImportRun,
    KeyChange,
    Note,
    QuarantinedRow,
    RowChange,
    StepSighting,
)
from customers.runs.undo import undo
from tests.factories import csv_row, make_alert, make_customer, make_message, make_snapshot, make_staff, write_feeds
from tests.support.commands import held_elsewhere, run
from tests.support.loading import load, write_bytes
from tests.support.pages import words
from tests.support.uploading import csv_of, loaded, uploaded

pytestmark = pytest.mark.django_db

KEY, NAME, MAIL = "gone-77", "Vanishing Ünion, Ltd", "someone@vanishing.example"
NEEDLES = (KEY, NAME, "Vanishing", MAIL, "vanishing.example")
THEIRS = {
    "customers": [csv_row("customers", id=KEY, organization=NAME, email=MAIL, github_username="vanishing-dev")],
    "onboarding": [csv_row("onboarding", id="o1", customer_id=KEY, notes='asked by "Vanishing",\nthen again')],
    "engagement": [csv_row("engagement", id=f"e{n}", customer_id=KEY, date=f"2025-05-0{n}") for n in range(1, 6)],
    "feedback": [csv_row("feedback", id="f1", customer_id=KEY, comment="Vanishing Ünion, Ltd is\r\nhappy")],
    "events": [csv_row("events", id="v1", customer_id=KEY)],
}
OTHERS = {
    "customers": [csv_row("customers", id=f"c{n}", organization=f"Other {n}") for n in range(1, 31)],
    "onboarding": [csv_row("onboarding", id=f"oo{n}", customer_id=f"c{n}") for n in range(1, 31)],
    "engagement": [csv_row("engagement", id=f"ee{n}", customer_id=f"c{n}") for n in range(1, 31)],
    "feedback": [csv_row("feedback", id="ff1", customer_id="c1", comment="two\nlines")],
    "events": [csv_row("events", id="vv1", customer_id="c1")],
}


@pytest.fixture(autouse=True)
def own_folders(settings: Settings, tmp_path: Path, today_is: Callable[[date], None]) -> None:
    for name in ("ARCHIVE_DIR", "UPLOAD_DIR", "CSV_DIR", "EXPORT_DIR"):
        setattr(settings, name, tmp_path / name)
    settings.CSV_DIR.mkdir()
    today_is(date(2025, 5, 20))


@pytest.fixture
def drop(settings: Settings) -> Path:
    """A drop folder in which the customer's rows stand among those of others."""
    feeds = {name: [*rows[:1], *THEIRS[name], *rows[1:]] for name, rows in OTHERS.items()}
    write_feeds(settings.CSV_DIR, **feeds)
    # Bad rows of theirs and of somebody else: too long by a comma, and with a bad date.
    path = settings.CSV_DIR / "onboarding.csv"
    path.write_text(path.read_text() + f"o9,{KEY},1,1,1,0,0,,,Vanishing, and so on\no8,c2,,,,,,,,a, b\n")
    path = settings.CSV_DIR / "engagement.csv"
    path.write_text(path.read_text() + f"e9,{KEY},soon,1,0,0,0,0\nee99,c1,soon,1,0,0,0,0\n")
    return settings.CSV_DIR


def texts() -> Iterator[tuple[str, str]]:
    """Everything that stands in the database, by table, read by plain SQL."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                yield table, "\n".join(str(value) for value in row) + json.dumps(row, default=str)


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """All files below a folder, unpacked."""
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            while content[:2] == b"\x1f\x8b":
                content = gzip.decompress(content)
            yield str(path), content + path.name.encode()


def traces(settings: Settings) -> set[str]:
    """Where something of the customer is still to be found."""
    escaped = [json.dumps(needle)[1:-1] for needle in NEEDLES] + [quote_plus(needle) for needle in NEEDLES]
    found = {table for table, text in texts() if any(needle in text for needle in (*NEEDLES, *escaped))}
    for folder in (settings.ARCHIVE_DIR, settings.UPLOAD_DIR):
        found |= {name for name, content in contents(folder) if any(needle.encode() in content for needle in NEEDLES)}
    return found


def be_known(client: Client) -> None:
    """A row of each kind that can be about a customer, whichever app has it."""
    customer = Customer.objects.get(pk=KEY)
    staff = make_staff("Administrator", username="ada")
    CustomerCare.objects.update_or_create(customer=customer, defaults={"owner": staff, "notes": NAME})
    Note.objects.create(customer=customer, author="Ada", text=f"{NAME} called")
    Task.objects.create(customer=customer, what=f"Call {NAME}", due=date(2025, 5, 20))
    make_alert(customer, text=f"{NAME} fell")
    other = Customer.objects.exclude(pk=KEY).first()
    for former, new in ((customer, other), (other, customer)):
        KeyChange.objects.create(
            former=former, customer=new, run=ImportRun.objects.first(), carried={"care": {"before": [{"notes": NAME}]}}
        )
    make_message(customer, subject=f"Dear {NAME}", recipient=MAIL)
    if not Snapshot.objects.filter(customer=customer).exists():
        make_snapshot(customer)
    StepSighting.objects.get_or_create(
        customer=customer, step="first_pr_generated", defaults={"run": ImportRun.objects.first()}
    )
    for kind, subject, text in (
        ("alerts", NAME, ""),
        ("weekly", "x", f"see /customer/{KEY}/"),
        ("alerts", "y", "-"),
    ):
        Digest.objects.create(
            kind=kind,
            channel=str(len(subject)),
            day=date(2025, 5, 9),
            claimed_at=timezone.now(),
            subject=subject,
            text=text,
        )
    ImportRun.objects.create(
        feed="customers", file="customers.csv", started_by="x", status="refused", reason=f"line 2: {MAIL} of {KEY}"
    )
    # A guardrail's words go on to the night's page and the feed's alert.
    Night.objects.create(steps=[{"name": "import", "result": "failed", "seconds": 1, "message": f"line 2: {MAIL}"}])
    Alert.objects.update_or_create(
        rule=AlertRule.objects.get(kind="feed"),
        feed="customers",
        defaults={"opened_on": date(2025, 5, 9), "text": f"{KEY}: {MAIL}"},
    )
    searched = QueryDict(mutable=True)
    searched["q"] = NAME
    trail.record(trail.Action.EXPORT, "customers", detail=f"1 rows\nfilters: {searched.urlencode()}")
    searched["q"] = MAIL
    trail.record(trail.Action.EXPORT, "customers", detail=f"1 rows\nfilters: {searched.urlencode()}")
    for model, key, text in ((CustomerCare, KEY, f"care of {KEY}"), (Task, Task.objects.get(customer=KEY).pk, NAME)):
        LogEntry.objects.create(
            user=staff, content_type=ContentType.objects.get_for_model(model), object_id=str(key), object_repr=text,
            action_flag=CHANGE, change_message=f"Changed {NAME}",
        )  # fmt: skip
    row = QuarantinedRow.objects.filter(feed="engagement", key="e9").latest("pk")
    fix(row, ["e9", KEY, "2025-05-08", "1", "0", "0", "0", "0"], "ada")
    client.force_login(staff)
    uploaded(
        client, "feedback", csv_of("feedback", *THEIRS["feedback"], csv_row("feedback", id="f9", customer_id=KEY))
    )


def models_of_customers() -> set[type]:
    """Every model that names a customer by a foreign key."""
    return {relation.related_model for relation in Customer._meta.related_objects}


def test_an_erased_customer_leaves_no_trace_and_the_next_night_brings_none(
    drop: Path, settings: Settings, client: Client
) -> None:
    assert run("nightly").code == 0
    # The next file changes them, so that the journal has them.
    for name in ("customers", "onboarding", "feedback"):
        path = drop / f"{name}.csv"
        path.write_bytes(
            path.read_bytes().replace(b"SaaS", b"SaaZ").replace(b"github_config", b"other").replace(b",9,5,", b",8,5,")
        )
    assert run("nightly").code == 0
    be_known(client)
    # A model that is new here must be filled above, and so is looked through below.
    for model in models_of_customers():
        assert model.objects.filter(customer=KEY).exists(), f"be_known makes no {model.__name__}"
    assert {change.model for change in RowChange.objects.all()} >= {"customer", "onboarding", "feedback"}
    assert len(traces(settings)) > 20
    totals = _totals()
    others = {
        feed.model: list(feed.model.objects.exclude(**_theirs(feed)).order_by("pk").values())
        for feed in FEEDS.values()
    }
    expected = preview_erasure(KEY)
    assert "Vanishing" in repr(list(texts()))

    erasure = erase(KEY, "ada")
    assert traces(settings) == set()
    assert (erasure.state, erasure.erased_by) == ("done", "ada")
    assert {kind: number for kind, number in erasure.counts.items() if kind in expected} == expected
    assert expected["engagement"] == 5
    assert expected["rows in quarantine"] == 4
    assert expected["texts of digests"] == 2
    assert _totals() == totals
    assert set(PortfolioDay.objects.values_list("erased", flat=True)) == {1}

    done = run("nightly")
    assert done.code == 0, done.err
    assert traces(settings) == set()
    assert done.lines[-1].endswith("expire done.")
    for feed in FEEDS.values():
        assert list(feed.model.objects.order_by("pk").values()) == others[feed.model]
    last = {one.feed: one for one in ImportRun.objects.order_by("pk")}
    left = {name: (one.left_out, one.created, one.updated, one.quarantined) for name, one in last.items()}
    assert left == {
        "customers": (1, 0, 0, 0),
        "onboarding": (2, 0, 0, 1),
        "engagement": (6, 0, 0, 1),
        "feedback": (1, 0, 0, 0),
        "events": (1, 0, 0, 0),
    }
    assert "6 rows of erased customers left out, counted as unchanged" in last["engagement"].warnings
    assert not Snapshot.objects.filter(customer=KEY).exists()
    # And once more, with what the last run left.
    assert run("nightly").code == 0
    assert traces(settings) == set()


def _totals() -> tuple[list[Any], list[Any]]:
    """What is counted of dates, but for how many of them were erased since."""
    counted = [field.name for field in PortfolioDay._meta.fields if field.name != "erased"]
    return list(PortfolioDay.objects.values(*counted)), list(CohortDay.objects.values())


def _theirs(feed: Any) -> dict[str, str]:
    return {"customer": KEY} if feed.of_customers else {"pk": KEY}


def test_the_other_lines_of_an_archived_file_stay_where_they_are(drop: Path) -> None:
    run("nightly")
    before = {one.feed: gzip.decompress(files.find(one).read_bytes()) for one in ImportRun.objects.all()}
    erase(KEY, "ada")
    for one in ImportRun.objects.all():
        place = files.find(one)
        assert files.is_redacted(place)
        lines, then = gzip.decompress(place.read_bytes()).split(b"\n"), before[one.feed].split(b"\n")
        assert len(lines) == len(then)
        assert all(line in (old, b"", b"\r") for line, old in zip(lines, then, strict=True))
        model = FEEDS[one.feed].model
        for row in model.objects.filter(run=one):
            assert lines[row.line - 1].startswith(row.pk.encode() + b",")


def test_the_page_of_a_run_and_the_name_of_its_file_say_that_it_is_redacted(drop: Path, client: Client) -> None:
    run("nightly")
    one = ImportRun.objects.get(feed="customers")
    address = f"/admin/customers/importrun/{one.pk}"
    client.force_login(make_staff("Administrator"))
    assert "redacted" not in words(client.get(f"{address}/change/").content.decode())
    erase(KEY, "ada")
    assert "The file that is kept is redacted" in words(client.get(f"{address}/change/").content.decode())
    response = client.get(f"{address}/file/")
    assert f'filename="run-{one.pk}-redacted-customers.csv"' in response["Content-Disposition"]
    content = b"".join(response.streaming_content)
    assert KEY.encode() not in content
    assert content.count(b"\n") == (drop / "customers.csv").read_bytes().count(b"\n")


# --- Each way in ------------------------------------------------------------------------------------------------

HEADER = ",".join(FEEDS["engagement"].column_names)
ONE = f"a1,c1,2025-05-01,1,0,0,0,0\na2,{KEY},2025-05-01,1,0,0,0,0\n"


def night(folder: Path, content: str) -> ImportRun:
    write_bytes(folder, "engagement.csv", content.encode())
    outcome = load(folder, "engagement")["engagement"]
    assert outcome.loaded
    return ImportRun.objects.latest("pk")


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Two customers, one of whom will be erased; the folder of their files."""
    make_customer(id="c1")
    make_customer(id=KEY, organization=NAME, email=MAIL)
    return tmp_path


def test_a_file_that_goes_on_is_read_whole_after_an_erasure(two: Path, settings: Settings) -> None:
    night(two, f"{HEADER}\n{ONE}")
    erase(KEY, "x")
    more = "".join(f"b{n},c1,2025-05-02,1,0,0,0,0\nd{n},{KEY},2025-05-02,1,0,0,0,0\n" for n in range(50))
    one = night(two, f"{HEADER}\n{ONE}{more}")
    assert (one.rows, one.created, one.unchanged, one.left_out, one.quarantined) == (102, 50, 52, 51, 0)
    assert traces(settings) == set()
    # And again: the last file is no base, because it has lines of theirs.
    one = night(two, f"{HEADER}\n{ONE}{more}a3,c1,2025-05-03,1,0,0,0,0\n")
    assert (one.rows, one.created, one.left_out) == (103, 1, 51)
    assert traces(settings) == set()


def test_their_rows_in_a_tail_are_left_out_and_not_archived(two: Path, settings: Settings) -> None:
    erase(KEY, "x")
    first = HEADER + "\n" + "".join(f"b{n},c1,2025-05-02,1,0,0,0,0\n" for n in range(100))
    assert night(two, first).left_out == 0
    one = night(two, f"{first}{ONE}")
    assert (one.rows, one.created, one.unchanged, one.left_out) == (102, 1, 101, 1)
    assert traces(settings) == set()


def test_their_rows_among_the_differences_are_left_out(two: Path, settings: Settings) -> None:
    erase(KEY, "x")
    lines = [f"b{n},c1,2025-05-02,1,0,0,0,0\n" for n in range(100)]
    night(two, HEADER + "\n" + "".join(lines))
    one = night(two, HEADER + "\n" + "".join([*lines[:50], f"x1,{KEY},2025-05-02,1,0,0,0,0\n", *lines[50:99]]))
    assert (one.rows, one.created, one.unchanged, one.left_out) == (100, 0, 100, 1)
    assert traces(settings) == set()


def test_a_redacted_file_is_no_base_for_the_differences(two: Path) -> None:
    lines = [f"b{n},c1,2025-05-02,1,0,0,0,0\n" for n in range(100)]
    night(two, HEADER + "\n" + "".join([*lines, ONE]))
    erase(KEY, "x")
    one = night(two, HEADER + "\n" + "".join([*lines[1:], ONE, "z1,c1,2025-05-03,1,0,0,0,0\n"]))
    assert (one.rows, one.created, one.unchanged, one.left_out) == (102, 1, 101, 1)


def test_a_refused_file_is_archived_without_them(two: Path, settings: Settings) -> None:
    erase(KEY, "x")
    bad = "".join(f"b{n},c1,soon,1,0,0,0,0\n" for n in range(50))
    write_bytes(two, "engagement.csv", f"{HEADER}\n{ONE}{bad}".encode())
    assert load(two, "engagement")["engagement"].status == "refused"
    assert traces(settings) == set()
    one = ImportRun.objects.latest("pk")
    assert gzip.decompress(files.find(one).read_bytes()) == f"{HEADER}\n{ONE.splitlines()[0]}\n\n{bad}".encode()
    # One that is no CSV at all is not kept where it names them.
    write_bytes(two, "engagement.csv", f"{HEADER}\n{ONE}".encode("utf-16"))
    assert load(two, "engagement")["engagement"].status == "refused"
    assert files.find(ImportRun.objects.latest("pk")) is None
    assert traces(settings) == set()


def test_a_compressed_file_is_archived_without_them(two: Path, settings: Settings) -> None:
    content = f"{HEADER}\n{ONE}".encode()
    write_bytes(two, "engagement.csv.gz", gzip.compress(content))
    load(two, "engagement")
    erase(KEY, "x")
    assert traces(settings) == set()
    place = files.find(ImportRun.objects.latest("pk"))
    twice = gzip.decompress(gzip.decompress(place.read_bytes()))
    assert twice == content.replace(ONE.splitlines()[1].encode(), b"")
    load(two, "engagement")
    assert traces(settings) == set()


def test_a_numeric_id_blanks_no_one_elses_counters(tmp_path: Path) -> None:
    make_customer(id="1")
    make_customer(id="5")
    night(tmp_path, f"{HEADER}\n5,1,2025-05-01,5,5,5,5,5\n6,5,2025-05-01,1,1,1,1,1\n")
    erase("5", "x")
    assert list(Engagement.objects.values_list("pk", flat=True)) == ["5"]
    one = ImportRun.objects.latest("pk")
    assert gzip.decompress(files.find(one).read_bytes()) == f"{HEADER}\n5,1,2025-05-01,5,5,5,5,5\n\n".encode()


def test_an_undo_brings_nobody_back(drop: Path, settings: Settings) -> None:
    run("nightly")
    write_feeds(drop, **{**OTHERS, "onboarding": OTHERS["onboarding"]})
    run("nightly")
    runs = list(ImportRun.objects.filter(status="loaded").order_by("-pk"))
    erase(KEY, "x")
    for one in runs:
        undoing = undo(one, "x")
        assert undoing.status == "loaded", undoing.reason
        assert traces(settings) == set()
    assert Customer.objects.count() == 0
    for undoing in ImportRun.objects.exclude(undoes=None).order_by("-pk"):
        assert undo(undoing, "x").status == "loaded"
    assert traces(settings) == set()
    assert Customer.objects.count() == 30


def test_a_preview_and_an_upload_leave_them_out(two: Path, settings: Settings, client: Client) -> None:
    erase(KEY, "x")
    client.force_login(make_staff("Program manager"))
    mine = csv_row("feedback", id="f1", customer_id="c1")
    upload = uploaded(client, "feedback", csv_of("feedback", *THEIRS["feedback"], mine))
    assert {name: upload.preview[name] for name in ("rows", "created", "unchanged", "quarantined")} == {
        "rows": 2, "created": 1, "unchanged": 1, "quarantined": 0,
    }  # fmt: skip
    preview_files = [content for name, content in contents(settings.UPLOAD_DIR) if "/preview/" in name]
    assert preview_files
    assert not any(KEY.encode() in content for content in preview_files)
    assert loaded(client, upload).left_out == 1
    assert traces(settings) == set()


def test_corrections_and_replays_do_not_bring_them_back(two: Path, settings: Settings, client: Client) -> None:
    one = night(two, f"{HEADER}\na1,nobody,2025-05-01,1,0,0,0,0\na2,no one,2025-05-01,1,0,0,0,0\n")
    rows = list(one.quarantined_rows.order_by("line"))
    erase(KEY, "x")
    client.force_login(make_staff("Program manager"))
    cells = dict(
        zip(FEEDS["engagement"].column_names, ["a2", KEY, "2025-05-01", "1", "0", "0", "0", "0"], strict=True)
    )
    page = client.post(f"/admin/customers/quarantinedrow/{rows[1].pk}/fix/", cells)
    assert "This customer was erased" in words(page.content.decode())
    assert not Fix.objects.exists()
    # Somebody has made the fix a moment before the erasure.
    with trail.suspended():
        fix(rows[1], list(cells.values()), "x")
    [outcome] = replay_chosen(QuarantinedRow.objects.filter(pk=rows[1].pk), "x")
    assert (outcome.rows, outcome.unchanged, outcome.quarantined) == (1, 1, 0)
    assert traces(settings) == set()
    text = io_csv([*cells, "reasons", "quarantined_row"], [*cells.values(), "x", str(rows[0].pk)])
    upload = uploaded(client, "engagement", text)
    assert upload.preview["scope"] == "Corrected rows"
    assert loaded(client, upload).left_out == 1
    assert traces(settings) == set()


def io_csv(*rows: list[str]) -> bytes:
    return "".join(",".join(row) + "\n" for row in rows).encode()


def test_a_restored_backup_has_them_erased_again(drop: Path, settings: Settings, tmp_path: Path) -> None:
    run("nightly")
    assert run("backup", "--out", tmp_path / "backups").code == 0
    [backup] = (tmp_path / "backups").iterdir()
    erase(KEY, "ada")
    done = run("restore", backup, "--replace")
    assert (done.code, done.err) == (0, "")
    assert "1 customer who was erased since was in it, and is erased again." in done.lines[-1]
    assert traces(settings) == set()
    assert Erasure.objects.values_list("erased_by", "state").get() == ("ada", "done")
    assert run("nightly").code == 0
    assert traces(settings) == set()


# --- Cut short --------------------------------------------------------------------------------------------------


def test_what_was_cut_short_behind_the_rows_is_completed_by_the_next_expire(
    drop: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("nightly")

    def killed(*_args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("customers.erasure.erase._redact_files", killed)
        with pytest.raises(KeyboardInterrupt):
            erase(KEY, "ada")
    assert Erasure.objects.get().state == "files"
    assert not any(KEY in text for _table, text in texts())
    assert any(str(settings.ARCHIVE_DIR) in place for place in traces(settings))
    assert "1 erasure completed" in run("expire", "--dry-run").lines[-1]
    assert Erasure.objects.get().state == "files"
    assert "1 erasure completed" in run("expire").lines[-1]
    assert Erasure.objects.get().state == "done"
    assert traces(settings) == set()


def test_files_that_cannot_be_written_are_told_and_tried_again(
    drop: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("nightly")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("customers.archive.files.os.fsync", full)
        done = run("erase_customer", KEY, "--yes")
        assert done.code == 1
        assert "Archived files could not be written" in done.err
        assert run("expire").code == 1
    assert run("expire").code == 0
    assert traces(settings) == set()


def test_a_listener_that_raises_leaves_everything(drop: Path) -> None:
    run("nightly")
    before = sorted(texts())

    def fail(**_signal: Any) -> None:
        raise ValueError("no")

    customer_erased.connect(fail)
    try:
        with pytest.raises(ValueError, match="no"):
            erase(KEY, "x")
    finally:
        customer_erased.disconnect(fail)
    assert sorted(texts()) == before


def test_the_audit_forgets_a_key_in_the_spelling_of_the_admins_addresses(client: Client) -> None:
    make_customer(id="cust_1", organization="Vanishing")
    client.force_login(make_staff("Administrator", username="ada"))
    address = "/admin/customers/customercare/cust_5F1/change/"
    CustomerCare.objects.create(customer_id="cust_1")
    assert client.post(address, {"notes": "x"}).status_code == 302
    assert address in "".join(AuditEntry.objects.values_list("source", flat=True))
    erase("cust_1", "ada")
    assert "cust_5F1" not in "".join(AuditEntry.objects.values_list("source", flat=True))


# --- Who is known again -----------------------------------------------------------------------------------------


def test_a_mark_knows_one_id_and_hangs_on_no_setting(settings: Settings) -> None:
    make_customer(id=KEY)
    erase(KEY, "x")
    settings.SECRET_KEY = "another one " * 5
    erased = ErasedIds()
    assert KEY in erased
    assert not any(key in erased for key in (KEY.upper(), "c1", "", "x" * 5000, None))
    assert KEY not in repr(Erasure.objects.values().get())


def test_without_erasures_a_load_asks_once_and_no_more(two: Path, django_assert_max_num_queries: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("customers.imports.strategies.stager.drop_erased", None)
        assert night(two, f"{HEADER}\n{ONE}").created == 2


# --- The command and the page -----------------------------------------------------------------------------------


def test_the_command_asks_and_says_what_went(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda _prompt: "c1")
    done = run("erase_customer", KEY)
    assert done.code == 2
    assert "1 customer" in done.out
    assert "nothing was erased" in done.err
    assert Customer.objects.count() == 2
    monkeypatch.setattr("builtins.input", lambda _prompt: KEY)
    done = run("erase_customer", KEY)
    assert (done.code, done.err) == (0, "")
    assert done.lines[-1].startswith("Erased: 1 customer.")
    again = run("erase_customer", KEY, "--yes")
    assert (again.code, again.err) == (2, f"{KEY} was erased before: nothing is known of them.\n")
    assert run("erase_customer", "nobody", "--yes").code == 2
    assert Erasure.objects.count() == 1


def test_nobody_is_erased_during_an_import(two: Path) -> None:
    with held_elsewhere("import"):
        assert run("erase_customer", KEY, "--yes").code == 75
        assert run("expire").code == 75
    assert Customer.objects.count() == 2


@pytest.mark.parametrize(("role", "status"), [("Program manager", 403), ("Administrator", 200)])
def test_only_administrators_erase(role: str, status: int, two: Path, client: Client) -> None:
    client.force_login(make_staff(role))
    address = f"/admin/customers/customer/{KEY}/erase/"
    assert client.get(address).status_code == status
    assert (address in client.get(f"/admin/customer/{KEY}/").content.decode()) == (status == 200)
    client.post(address, {"typed": KEY})
    assert Customer.objects.filter(pk=KEY).exists() == (status == 403)


def test_the_page_asks_for_the_id_and_tells_what_will_go(drop: Path, client: Client) -> None:
    run("nightly")
    client.force_login(make_staff("Administrator"))
    address = f"/admin/customers/customer/{KEY}/erase/"
    page = words(client.get(address).content.decode())
    assert "Engagement 5" in page
    assert "Snapshots 1" in page
    refused = client.post(address, {"typed": KEY.upper()})
    assert refused.status_code == 422
    assert "That is not the id of this customer" in words(refused.content.decode())
    assert Customer.objects.filter(pk=KEY).exists()
    done = client.post(address, {"typed": KEY}, follow=True)
    assert done.redirect_chain == [("/admin/", 302)]
    assert "The customer is erased" in words(done.content.decode())
    assert client.get(address).status_code == 404
    listed = words(client.get("/admin/customers/erasure/").content.decode())
    assert "5 engagement" in listed


def test_pages_that_show_them_are_new_after_an_erasure(drop: Path, client: Client) -> None:
    run("nightly")
    client.force_login(make_staff("Viewer"))
    tag = client.get("/admin/")["ETag"]
    headers = {"HX-Request": "true", "If-None-Match": tag}
    assert client.get("/admin/", headers=headers).status_code == 304
    erase(KEY, "x")
    assert client.get("/admin/", headers=headers).status_code == 200


# --- Redaction by itself ----------------------------------------------------------------------------------------

CELL = st.text(alphabet='ab1,"\n\r é', max_size=6)


@given(
    rows=st.lists(st.tuples(st.sampled_from(["k1", "k2", "k10"]), CELL, st.booleans()), max_size=8),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    ended=st.booleans(),
)
def test_redaction_takes_the_records_and_keeps_the_lines(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, bool]], end: str, ended: bool
) -> None:
    """Against an account of our own: each record is put together by hand, and so is what is left of it."""
    whole, left, gone = f"id,customer_id,note{end}", f"id,customer_id,note{end}", 0
    for number, (key, text, plain) in enumerate(rows):
        note = "plain" if plain else '"' + text.replace('"', '""') + '"'
        last = "" if number == len(rows) - 1 and not ended else end
        record = f"k1,{key},{note}{last}"
        breaks = record.replace("\r\n", "\n").replace("\r", "\n").count("\n")
        whole += record
        if key == "k1":
            gone += 1
            found = list(_breaks(record))
            assert len(found) == breaks
            left += "".join(found)
        else:
            left += record
    path = tmp_path_factory.mktemp("redact") / "file.csv"
    path.write_bytes(whole.encode())
    written: list[bytes] = []
    assert redact.redact(path, 0, {"k1"}, written.append) == gone
    assert b"".join(written).decode() == left


def _breaks(text: str) -> Iterator[str]:
    position = 0
    while position < len(text):
        if text.startswith("\r\n", position):
            yield "\r\n"
            position += 1
        elif text[position] in "\r\n":
            yield text[position]
        position += 1


@pytest.mark.parametrize("quoted", [False, True])
def test_a_large_file_is_redacted_block_by_block(tmp_path: Path, quoted: bool) -> None:
    chance = random.Random(7)
    note = '"a, b"' if quoted else "plain"
    rows = [
        f"r{n},{'k1' if chance.random() < 0.01 else 'k2'},{note}{'x' * chance.randrange(60)}" for n in range(20_000)
    ]
    path = tmp_path / "large.csv"
    path.write_text("id,customer_id,note\n" + "\n".join(rows) + "\n")
    written: list[bytes] = []
    gone = redact.redact(path, 0, {"k1"}, written.append)
    left = b"".join(written).decode().split("\n")
    assert gone == sum(",k1," in row for row in rows) > 100
    assert left[1:-1] == ["" if ",k1," in row else row for row in rows]


def test_a_rewritten_archive_that_is_cut_short_is_the_old_one(drop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("nightly")
    place = files.find(ImportRun.objects.get(feed="events"))
    before = place.read_bytes()
    monkeypatch.setattr(
        "customers.archive.files.os.fsync", lambda _descriptor: (_ for _ in ()).throw(OSError(28, "full"))
    )
    with pytest.raises(OSError, match="full"):
        files.redact_file(place, {KEY})
    assert place.read_bytes() == before
    assert list(place.parent.iterdir()) == [place]
