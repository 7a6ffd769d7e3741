"""A table of an older database becomes one of months with all of its rows, and a whole one again."""

import json

from tests.support.commands import python

THERE_AND_BACK = """
import django, json
django.setup()
from django.core.management import call_command
from django.db import connection
from customers.core.months.partitions import partitions
from customers.core.sql import execute, fetch, is_postgres
from tests.support.months import structure

TABLE = "analytics_snapshot"
READERS = "SELECT privilege_type FROM information_schema.table_privileges WHERE grantee = 'PUBLIC' AND table_name = %s"

def state():
    from analytics.models import Snapshot
    rows = [[row["id"], str(row["date"]), row["score"]] for row in Snapshot.objects.order_by("pk").values()]
    return [rows, [[str(one.first), one.name] for one in partitions(TABLE) or []]]

def shape():
    return structure(TABLE) if is_postgres() else []

def make(day):
    from tests.factories import make_customer, make_snapshot
    return make_snapshot(make_customer(), date=day).pk

states = []
call_command("migrate", verbosity=0)
call_command("migrate", "analytics", "0051", verbosity=0)
before = shape()
if is_postgres():
    execute(f"GRANT SELECT ON {TABLE} TO PUBLIC")
make("2025-05-10"), make("2025-06-10")
states.append(state())
for name in ("0052", "0051", "0052"):
    call_command("migrate", "analytics", name, verbosity=0)
    states.append([*state(), shape() == before, not is_postgres() or fetch(READERS, [TABLE]) == [("SELECT",)]])
states.append(make("2025-07-10"))
connection.close()
print(json.dumps([is_postgres(), *states]))
"""


def test_rows_and_their_numbers_stay(own_database: str) -> None:
    done = python("-c", THERE_AND_BACK, DEBUG=1, DATABASE_URL=own_database, DJANGO_SETTINGS_MODULE="rsolv_cs.settings")
    assert (done.code, done.err) == (0, "")
    in_months, (rows, whole), there, back, again, newest = json.loads(done.out)
    assert [day for _key, day, _score in rows] == ["2025-05-10", "2025-06-10"]
    assert whole == []
    months = [["0001-01-01", "analytics_snapshot_earlier"]] if in_months else []
    # Who may read the table still may.
    assert there == again == [rows, months, not in_months, True]
    assert back == [rows, [], True, True]
    assert newest > rows[-1][0]
