"""The pages of a primary and its replica, as they are served: who sees which state, while the replica lags.

What lags is made by a pause of the replica. A note that a page does not show then is the proof that the page was read
from there.
"""

import json
from collections.abc import Iterator
from io import BytesIO
from itertools import count
from zipfile import ZipFile

import pytest
from django.contrib.auth.models import User

from analytics.customer_list.export import CSV_NAME
from analytics.models import PortfolioDay, Snapshot
from customers.audit import trail
from customers.core.months.partitions import make_months
from customers.core.replica.watch import position
from customers.core.sql import table_of
from customers.models import ApiToken, AuditEntry, Customer
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.live import Site, said, serving
from tests.support.metrics import samples
from tests.support.own_databases import unblocked
from tests.support.replication import LONG_AGO, Pair, Visitor, is_read_from_replica, note, pair, until

__all__ = ["pair", "unblocked"]

NEVER_TOO_FAR = "600"
_numbers = count(1)


@pytest.fixture(scope="module")
def site(pair: Pair) -> Iterator[Site]:
    """Pages for which the replica may be as far behind as a test makes it."""
    variables = {"DATABASE_REPLICA_URL": pair.replica.url, "DATABASE_REPLICA_LAG": NEVER_TOO_FAR}
    with serving(pair.primary.url, **variables) as site:
        yield site


@pytest.fixture
def customer(pair: Pair, site: Site) -> Iterator[str]:
    """Somebody whom both servers have; the replica is as far as the primary, and is read from."""
    made: Customer = make_customer(id=f"c{next(_numbers)}")
    reader = visitor(site)
    pair.wait()
    until(lambda: is_read_from_replica(pair, reader, made.pk), 10)
    yield made.pk
    pair.resume()


def staff() -> User:
    return make_staff("Program manager", date_joined=LONG_AGO)


def visitor(site: Site, user: User | None = None) -> Visitor:
    return Visitor.logged_in(site.port, user or staff())


def test_who_writes_sees_it_and_who_only_looks_sees_the_replica(pair: Pair, site: Site, customer: str) -> None:
    writer, reader = visitor(site), visitor(site)
    pair.pause()
    assert writer.add_note(customer, "I did this") == 201
    note(customer, "Mary did this")
    assert writer.sees(customer, "I did this", "Mary did this") == [True, True]
    assert reader.sees(customer, "I did this", "Mary did this") == [False, False]
    # Nor does what the writer has seen of others go away.
    assert writer.sees(customer, "I did this", "Mary did this") == [True, True]
    pair.resume()
    assert reader.sees(customer, "I did this", "Mary did this") == [True, True]
    # The replica has it, so the writer reads from it again.
    assert writer.sees(customer, "I did this", "Mary did this") == [True, True]
    assert is_read_from_replica(pair, writer, customer)


def test_who_is_told_of_a_change_is_shown_it(pair: Pair, site: Site, customer: str) -> None:
    reader = visitor(site)
    with site.socket("; ".join(f"{name}={one.value}" for name, one in reader.cookies.items())) as socket:
        assert said(socket, 3)
        pair.pause()
        note(customer, "News")
        [(_when, told)] = said(socket, 3)
    assert reader.sees(customer, "News") == [False]
    assert reader.sees(customer, "News", X_Told=told.split(" ")[1]) == [True]
    # From then on without being told again.
    assert reader.sees(customer, "News") == [True]


def test_what_is_told_in_a_form_that_is_none_is_no_reason(pair: Pair, site: Site, customer: str) -> None:
    reader = visitor(site)
    pair.pause()
    note(customer, "News")
    for told in ("", "x", "-1", "1.5", "9" * 5_000, "\N{SUPERSCRIPT TWO}"):
        assert reader.sees(customer, "News", X_Told=told) == [False]
    assert reader.sees(customer, "News", X_Told=str(2**63)[:19]) == [True]


def test_a_cookie_that_is_not_ours_is_no_reason(pair: Pair, site: Site, customer: str) -> None:
    reader = visitor(site)
    reader.cookies["wrote"] = f"{position() + 10**9}:x:y"
    assert is_read_from_replica(pair, reader, customer)


def test_a_right_that_is_taken_away_is_gone_at_once(pair: Pair, site: Site, customer: str) -> None:
    user = staff()
    reader = visitor(site, user)
    assert is_read_from_replica(pair, reader, customer)
    pair.pause()
    user.groups.clear()
    assert reader.get(f"/admin/customer/{customer}/")[0] == 403
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert reader.get(f"/admin/customer/{customer}/")[0] == 302


def test_a_token_reads_what_it_has_written(pair: Pair, site: Site, customer: str) -> None:
    timeline = f"/api/v1/customers/{customer}/timeline"
    writer, reader = (Visitor(site.port, headers={"X-Api-Key": token()}) for _ in range(2))
    assert reader.get(timeline)[0] == 200
    pair.wait()
    pair.pause()
    note(customer, "Mary did this")
    assert "Mary did this" not in reader.get(timeline)[1]
    assert writer.add_note(customer, "I did this") == 201
    assert "I did this" in writer.get(timeline)[1]
    assert "I did this" not in reader.get(timeline)[1]
    pair.resume()
    assert "I did this" in reader.get(timeline)[1]


def test_what_a_token_wrote_in_another_cluster_keeps_it_from_no_replica(pair: Pair, site: Site, customer: str) -> None:
    timeline = f"/api/v1/customers/{customer}/timeline"
    reader = Visitor(site.port, headers={"X-Api-Key": token()})
    ApiToken.objects.update(written=position() + 10**12)
    assert reader.get(timeline)[0] == 200
    assert ApiToken.objects.order_by("-pk")[0].written <= position()
    pair.wait()
    pair.pause()
    note(customer, "Mary did this")
    assert "Mary did this" not in reader.get(timeline)[1]


def test_what_nobody_has_on_the_replica_yet_is_asked_of_the_primary(pair: Pair, site: Site, customer: str) -> None:
    PortfolioDay.objects.all().delete()
    # Pages are kept until the next entry.
    trail.record(trail.Action.COMMAND, "score")
    program = Visitor(site.port, headers={"X-Api-Key": token()})
    pair.wait()
    pair.pause()
    assert program.get("/api/v1/portfolio")[0] == 404
    make_day()
    trail.record(trail.Action.COMMAND, "score")
    assert program.get("/api/v1/portfolio")[0] == 200
    PortfolioDay.objects.all().delete()


def token() -> str:
    _token, secret = ApiToken.make(staff(), "CI", ["read", "write"])
    return str(secret)


def test_a_token_that_is_revoked_is_gone_at_once(pair: Pair, site: Site, customer: str) -> None:
    reader = Visitor(site.port, headers={"X-Api-Key": token()})
    pair.wait()
    pair.pause()
    assert reader.get("/api/v1/customers")[0] == 200
    ApiToken.objects.update(revoked_at=LONG_AGO)
    assert reader.get("/api/v1/customers")[0] == 401


def test_a_row_that_the_replica_does_not_have_yet_is_found(pair: Pair, site: Site, customer: str) -> None:
    reader, program = visitor(site), Visitor(site.port, headers={"X-Api-Key": token()})
    pair.wait()
    pair.pause()
    made = make_customer(id=f"new{customer}")
    assert reader.get(f"/admin/customer/{made.pk}/")[0] == 200
    assert reader.get("/admin/customer/nobody/")[0] == 404
    assert program.get(f"/api/v1/customers/{made.pk}")[0] == 200
    assert program.get("/api/v1/customers/nobody")[0] == 404
    # Nor does it have the account of this one, for which each answer looks.
    program = Visitor(site.port, headers={"X-Api-Key": token()})
    assert program.get(f"/api/v1/customers/{made.pk}")[0] == 200


def test_an_account_that_was_just_made_reads_from_the_primary(pair: Pair, site: Site, customer: str) -> None:
    pair.pause()
    reader = visitor(site, make_staff("Program manager"))
    note(customer, "News")
    assert reader.sees(customer, "News") == [True]


def test_an_export_is_of_the_replica_and_its_record_of_the_primary(pair: Pair, site: Site, customer: str) -> None:
    make_months(table_of(Snapshot), [make_day().date])
    exporter = visitor(site)
    pair.wait()
    pair.pause()
    late = make_snapshot(make_customer(id=f"late{customer}"))
    assert late.customer_id not in exported(exporter)
    assert AuditEntry.objects.filter(action=AuditEntry.Action.EXPORT).exists()
    # Who has exported has written, and sees the primary until the replica has that.
    assert late.customer_id in exported(exporter)


def exported(exporter: Visitor) -> str:
    with ZipFile(BytesIO(exporter.download("/admin/export/customers/csv/"))) as archive:
        return archive.read(CSV_NAME).decode()


def test_what_watches_is_told_where_pages_are_read(pair: Pair, site: Site, customer: str) -> None:
    token = ApiToken.make(staff(), "Prometheus", ["metrics"])[1]
    watcher, reader = Visitor(site.port, headers={"X-Api-Key": str(token)}), visitor(site)
    before = samples(watcher.get("/metrics")[1])
    assert (before["rsolv_replica_up",], before["rsolv_replica_lag_seconds",] <= 2) == (1, True)
    assert json.loads(reader.get("/readyz")[1])["replica"] == "ok"
    reader.sees(customer)
    reader.add_note(customer, "News")
    pair.wait()
    assert reader.sees(customer, "News") == [True]
    counted = samples(watcher.get("/metrics")[1])
    looked = "rsolv_replica_requests_total"
    assert counted[looked, "replica"] - before.get((looked, "replica"), 0) == 2
    assert counted.get((looked, "primary")) == before.get((looked, "primary"))
