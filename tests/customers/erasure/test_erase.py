"""A customer who is erased leaves no trace, in no table and no file, even where the erasure is cut short."""

import gzip
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.http import QueryDict
from django.test import Client
from django.utils import timezone
from django.utils.translation import override
from pytest_django.fixtures import Settings

from analytics.alerts.words import conditions_no_longer_hold, own_rule
from analytics.models import (
    Alert,
    AlertRule,
    CohortDay,
    Contact,
    Deferral,
    Digest,
    ForecastAccuracy,
    Night,
    PolicyTrial,
    PortfolioDay,
    Report,
    Snapshot,
    Task,
)
from analytics.models.alerts import ended_by, told_by
from analytics.nights.feed_words import never_loaded
from customers.archive import files
from customers.archive.erased import ErasedIds
from customers.audit import trail
from customers.core.signals import customer_erased
from customers.erasure.erase import erase, preview_erasure
from customers.feeds.declarations import FEEDS
from customers.imports.fixes import fix
from customers.models import (
    AuditEntry,
    Customer,
    CustomerCare,
    Erasure,
    ImportRun,
    KeyChange,
    Note,
    QuarantinedRow,
    RowChange,
    StepSighting,
)
from customers.text.sentences import in_each_language
from tests.factories import (
    csv_row,
    make_alert,
    make_customer,
    make_message,
    make_snapshot,
    make_staff,
)
from tests.support.commands import run
from tests.support.crm import make_pushed
from tests.support.erasing import KEY, MAIL, NAME, ONE, THEIRS, night, texts, traces
from tests.support.forecasts import be_forecast
from tests.support.loading import HEADER, feed_tables
from tests.support.pages import words
from tests.support.playbooks import be_played
from tests.support.storage import on_disk
from tests.support.uploading import csv_of, uploaded
from tests.support.webhook_events import make_delivery, make_event

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_folders")]


def be_told_of() -> None:
    """Digests, a refused file, a night and a feed's alert that name the customer."""
    for kind, subject, text in (("alerts", NAME, ""), ("weekly", "x", f"see /customer/{KEY}/"), ("alerts", "y", "-")):
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
        defaults={"opened_on": date(2025, 5, 9), **told_by(never_loaded.of(file=f"{KEY}: {MAIL}"))},
    )


def be_logged(staff: User) -> None:
    """Exports in the audit and changes in the admin's log that name the customer."""
    for asked in (NAME, MAIL):
        filters = urlencode({"q": asked})
        trail.record(trail.Action.EXPORT, "customers", detail=f"1 rows\nfilters: {filters}")
    for model, key, text in (
        (CustomerCare, KEY, f"Assignment of {KEY}"),
        (Task, Task.objects.get(customer=KEY).pk, NAME),
    ):
        LogEntry.objects.create(
            user=staff, content_type=ContentType.objects.get_for_model(model), object_id=str(key), object_repr=text,
            action_flag=CHANGE, change_message=f"Changed {NAME}",
        )  # fmt: skip


def be_known(client: Client) -> None:
    """A row of each kind that can be about a customer, whichever app has it."""
    customer = Customer.objects.get(pk=KEY)
    staff = make_staff("Administrator", username="ada")
    CustomerCare.objects.update_or_create(customer=customer, defaults={"owner": staff, "notes": NAME})
    Note.objects.create(customer=customer, author="Ada", text=f"{NAME} called")
    Task.objects.create(customer=customer, what=f"Call {NAME}", due=date(2025, 5, 20))
    make_alert(customer, text=f"{NAME} fell")
    Contact.objects.create(customer=customer, name=NAME, email=MAIL, role=f"Head of {NAME}")
    make_delivery(make_event(customer, data={"organization": NAME}), answer=f"{NAME} taken")
    Deferral.objects.create(customer=customer, reason="other", text=f"{NAME} merges", created_by="ada")
    other = Customer.objects.exclude(pk=KEY).first()
    for former, new in ((customer, other), (other, customer)):
        KeyChange.objects.create(
            former=former, customer=new, run=ImportRun.objects.first(), carried={"care": {"before": [{"notes": NAME}]}}
        )
    make_message(customer, subject=f"Dear {NAME}", recipient=MAIL)
    make_pushed(customer, words=f"{NAME} is taken")
    if not Snapshot.objects.filter(customer=customer).exists():
        make_snapshot(customer)
    StepSighting.objects.get_or_create(
        customer=customer, step="first_pr_generated", defaults={"run": ImportRun.objects.first()}
    )
    be_forecast(customer, other)
    be_played(customer, NAME)
    be_searched(staff)
    be_told_of()
    be_logged(staff)
    row = QuarantinedRow.objects.filter(feed="engagement", key="e9").latest("pk")
    fix(row, ["e9", KEY, "2025-05-08", "1", "0", "0", "0", "0"], "ada")
    client.force_login(staff)
    uploaded(
        client, "feedback", csv_of("feedback", *THEIRS["feedback"], csv_row("feedback", id="f9", customer_id=KEY))
    )


def be_searched(staff: User) -> None:
    """Saved searches for the customer, and an alert of such a rule on another one."""
    asked = urlencode({"q": f"{NAME} 2025", "status": "at_risk"})
    rule = AlertRule.objects.create(kind="custom", name="Watch", query=asked)
    Report.objects.create(owner=staff, name="Theirs", query=urlencode({"q": MAIL.upper(), "sort": "-score"}))
    other = Customer.objects.exclude(pk=KEY).earliest("pk")
    conditions = in_each_language.of(en=f"Search: {NAME}", de=f"Suche: {NAME}")
    said = own_rule.of(rule="Watch", conditions=conditions, status="at_risk", score=30)
    make_alert(other, rule=rule, **told_by(said), **ended_by(conditions_no_longer_hold.of(now=conditions)))


def models_of_customers() -> set[type]:
    """Every model that names a customer by a foreign key."""
    return {relation.related_model for relation in Customer._meta.related_objects}


def two_nights(drop: Path) -> None:
    """The rows come, and are changed by the next night, so that the journal has them."""
    assert run("nightly").code == 0
    for name in ("customers", "onboarding", "feedback"):
        path = drop / f"{name}.csv"
        path.write_bytes(
            path.read_bytes().replace(b"SaaS", b"SaaZ").replace(b"github_config", b"other").replace(b",9,5,", b",8,5,")
        )
    assert run("nightly").code == 0


LEFT_OUT = {
    "customers": (1, 0, 0, 0),
    "onboarding": (2, 0, 0, 1),
    "engagement": (6, 0, 0, 1),
    "feedback": (1, 0, 0, 0),
    "events": (1, 0, 0, 0),
}
"""Of a night after the erasure, by feed: rows left out, created, updated and quarantined."""


def test_an_erased_customer_leaves_no_trace_and_the_next_night_brings_none(
    drop: Path, settings: Settings, client: Client
) -> None:
    two_nights(drop)
    be_known(client)
    # A model that is new here must be filled above, and so is looked through below.
    for model in models_of_customers():
        assert model.objects.filter(customer=KEY).exists(), f"be_known makes no {model.__name__}"
    assert {change.model for change in RowChange.objects.all()} >= {"customer", "onboarding", "feedback"}
    assert len(traces(settings)) > 20
    totals = _totals()
    others = _rows_of_others()
    expected = preview_erasure(KEY)
    assert "Vanishing" in repr(list(texts()))

    erasure = erase(KEY, "ada")
    assert traces(settings) == set()
    assert (erasure.state, erasure.erased_by) == ("done", "ada")
    assert {kind: number for kind, number in erasure.counts.items() if kind in expected} == expected
    assert expected["engagement"] == 5
    assert expected["rows in quarantine"] == 4
    assert expected["texts of digests"] == 2
    assert [expected[kind] for kind in ("saved searches", "misses of forecasts", "months of back-tests")] == [3, 1, 1]
    assert_analytics_is_cleared()
    assert _totals() == totals
    assert set(PortfolioDay.objects.values_list("erased", flat=True)) == {1}

    done = run("nightly")
    assert done.code == 0, done.err
    assert traces(settings) == set()
    assert done.lines[-1].endswith("expire done.")
    assert feed_tables() == others
    last = {one.feed: one for one in ImportRun.objects.order_by("pk")}
    left = {name: (one.left_out, one.created, one.updated, one.quarantined) for name, one in last.items()}
    assert left == LEFT_OUT
    assert "6 rows of erased customers left out, counted as unchanged" in last["engagement"].warnings
    assert not Snapshot.objects.filter(customer=KEY).exists()
    # And once more, with what the last run left.
    assert run("nightly").code == 0
    assert traces(settings) == set()


def assert_analytics_is_cleared() -> None:
    assert not PolicyTrial.objects.exists()
    assert len(ForecastAccuracy.objects.get().misses) == 1
    assert QueryDict(Report.objects.get().query).dict() == {"q": "(erased)", "sort": "-score"}
    rule = AlertRule.objects.get(name="Watch")
    assert QueryDict(rule.query).dict() == {"q": "(erased) 2025", "status": "at_risk"}
    alert = Alert.objects.get(rule=rule)
    assert alert.text == "Watch (Search: (erased)), At risk with a score of 30"
    with override("de"):
        assert alert.words == "Watch (Suche: (erased)), Gefährdet mit einem Score von 30"


def _totals() -> tuple[list[Any], list[Any]]:
    """What is counted of dates, but for how many of them were erased since."""
    counted = [field.name for field in PortfolioDay._meta.fields if field.name != "erased"]
    return list(PortfolioDay.objects.values(*counted)), list(CohortDay.objects.values())


def _rows_of_others() -> dict[type[Model], list[dict[str, Any]]]:
    """Every row of every feed's table, but for those of the customer."""
    theirs = {feed.model: {"customer": KEY} if feed.of_customers else {"pk": KEY} for feed in FEEDS.values()}
    return {model: list(model.objects.exclude(**own).order_by("pk").values()) for model, own in theirs.items()}


def test_the_other_lines_of_an_archived_file_stay_where_they_are(drop: Path) -> None:
    run("nightly")
    before = {one.feed: gzip.decompress(on_disk(files.find(one)).read_bytes()) for one in ImportRun.objects.all()}
    erase(KEY, "ada")
    for one in ImportRun.objects.all():
        place = files.find(one)
        assert place
        assert files.is_redacted(place)
        lines, then = gzip.decompress(on_disk(place).read_bytes()).split(b"\n"), before[one.feed].split(b"\n")
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


# --- Redaction by itself ----------------------------------------------------------------------------------------


def test_a_rewritten_archive_that_is_cut_short_is_the_old_one(drop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("nightly")
    archived = files.find(ImportRun.objects.get(feed="events"))
    assert archived
    place = on_disk(archived)
    before = place.read_bytes()
    monkeypatch.setattr(
        "customers.archive.files.os.fsync", lambda _descriptor: (_ for _ in ()).throw(OSError(28, "full"))
    )
    with pytest.raises(OSError, match="full"):
        files.redact_file(archived, {KEY})
    assert place.read_bytes() == before
    assert list(place.parent.iterdir()) == [place]
