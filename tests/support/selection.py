"""Which of the collected tests a run asks: all of them, or with ``--push`` what a push asks.

The full run (``make test``) asks for everything. A push asks on SQLite two of three test functions, with the first
and the last case of a parametrized one, and none with the mark ``full_run``. They take turns, so that the next push
asks others. The slow ones do, too: one in six is asked, with its last case. On PostgreSQL a push asks what can differ
there: every test that is about PostgreSQL or a race (first and last case), the migrations, a third of the tests of
the packages that write SQL themselves or ask for their database (last case), and one walk through all pages, which
sends the queries of the other packages. On both, a property gets a tenth of its examples.
"""

import re
import subprocess
import zlib
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support import ROOT

SLOW_FILES = {
    "test_access.py",
    "test_api_fuzz.py",
    "test_any_order.py",
    "test_append.py",
    "test_bucket_faults.py",
    "test_busy.py",
    "test_clients.py",
    "test_copy_database.py",
    "test_demo.py",
    "test_deploy.py",
    "test_diff.py",
    "test_drill_down.py",
    "test_edit_conflicts.py",
    "test_faults.py",
    "test_fix_conflicts.py",
    "test_hostile.py",
    "test_import_csvs.py",
    "test_interrupted.py",
    "test_joined_customers.py",
    "test_killed.py",
    "test_killed_delivery.py",
    "test_killed_ingest.py",
    "test_killed_jobs.py",
    "test_killed_push.py",
    "test_killed_salesforce.py",
    "test_killed_webhooks.py",
    "test_limits.py",
    "test_list_page.py",
    "test_lock.py",
    "test_login.py",
    "test_metrics_served.py",
    "test_migrations.py",
    "test_misread.py",
    "test_my_day.py",
    "test_nightly.py",
    "test_played_once.py",
    "test_nights.py",
    "test_older_backup.py",
    "test_oracle_agreement.py",
    "test_page_cache.py",
    "test_parameters.py",
    "test_policy.py",
    "test_pooled_night.py",
    "test_preview_agrees.py",
    "test_restarts.py",
    "test_round_trip.py",
    "test_slow_clients.py",
    "test_replica.py",
    "test_replica_browser.py",
    "test_replica_faults.py",
    "test_replica_pages.py",
    "test_shared.py",
    "test_sockets.py",
    "test_supply_chain.py",
    "test_traces.py",
    "test_workbooks.py",
}
"""The files whose tests take most of the time, the browser's aside: they get the mark ``slow``."""

COLLECTED = pytest.StashKey[list[pytest.Item]]()
"""All tests of the files that were named, before a push leaves some out."""

FEW_EXAMPLES = "push"
"""The profile of Hypothesis under which a property gets a tenth of its examples."""

OWN_SQL = re.compile(r"\bis_postgres\b|\.vendor\b|\.cursor\(")
"""What a module says that writes SQL itself, or asks which database it has."""

OF_POSTGRES = re.compile(r"postgres|^race$|pooler")
"""What a test says that is about PostgreSQL, or lets two visitors race each other for a lock."""

TURNS = 6
"""A push asks one slow test in so many."""

QUICK_TURNS = 3
"""A push leaves out one quick test in so many."""

PART_ON_POSTGRES = 3
"""Of the other tests of a package with SQL of its own, a push asks one in so many on PostgreSQL."""

WALK = "tests/house/test_access.py::test_who_gets_in_where[superuser]"
"""Opens every page as somebody who may open all of them: a push asks it on PostgreSQL, for the other packages."""


def mark_slow(items: Iterable[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("browser") or item.path.name in SLOW_FILES:
            item.add_marker("slow")


def skip_what_postgres_need_not_repeat(items: Iterable[pytest.Item]) -> None:
    """Skip on PostgreSQL what cannot differ by the database, in a full run too.

    pytest-django refuses every query of a test that has neither its mark nor a fixture for which the database is set
    up, so that such a test cannot tell one database from the other. Another test says so itself by the mark
    ``sqlite_is_enough``: the same pages are asked on PostgreSQL by a visitor who may open all of them. Who else may is
    decided by permissions, and what a page does in a browser by its scripts, not by the pages' queries.
    """
    unused = pytest.mark.skip(reason="it uses no database; the run on SQLite runs it")
    alike = pytest.mark.skip(reason="it sends no query that others do not send; the run on SQLite runs it")
    for item in items:
        if not item.get_closest_marker("django_db") and "django_db_setup" not in item.fixturenames:
            item.add_marker(unused)
        elif item.get_closest_marker("sqlite_is_enough"):
            item.add_marker(alike)


def turn() -> int:
    """Return whose turn it is: by the second of the newest commit, so that each run of a commit asks the same."""
    newest = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True)
    return int(newest.stdout or 0) % TURNS


def asked_by_a_push(items: list[pytest.Item], vendor: str, turn: int) -> list[pytest.Item]:
    """Choose what a push asks of ``items`` on the database of this vendor, in their order."""
    often = [item for item in items if not item.get_closest_marker("full_run")]
    asked = _of_sqlite(often, turn) if vendor == "sqlite" else _of_postgres(often)
    return [item for item in items if item in asked]


def _of_sqlite(items: list[pytest.Item], turn: int) -> set[pytest.Item]:
    quick = [
        item
        for item in items
        if not item.get_closest_marker("slow") and _number_of(item, QUICK_TURNS) != turn % QUICK_TURNS
    ]
    slow = [item for item in items if item.get_closest_marker("slow") and _number_of(item, TURNS) == turn]
    return _first_cases(quick) | _last_cases(quick) | _last_cases(slow)


def _number_of(item: pytest.Item, turns: int) -> int:
    return zlib.crc32(function_of(item).encode()) % turns


def _of_postgres(items: list[pytest.Item]) -> set[pytest.Item]:
    tests = [item for item in items if not any(map(item.get_closest_marker, ("skip", "browser")))]
    own = [item for item in tests if item.path.name == "test_migrations.py" or is_of_postgres(item)]
    asked = _first_cases(own) | _last_cases(own)
    folders = folders_with_own_sql()
    others = _last_cases(item for item in tests if item not in own and not folders.isdisjoint(item.path.parents))
    # By path, since pytest-django puts the tests with transactions last, whatever their package.
    in_order = sorted(others, key=lambda item: item.nodeid)
    return asked | {*in_order[::PART_ON_POSTGRES]} | {item for item in items if item.nodeid == WALK}


def _first_cases(items: Iterable[pytest.Item]) -> set[pytest.Item]:
    return _last_cases(reversed([*items]))


def _last_cases(items: Iterable[pytest.Item]) -> set[pytest.Item]:
    return {*{function_of(item): item for item in items}.values()}


def is_of_postgres(item: pytest.Item) -> bool:
    """Whether a name or a text in a test says that it is about PostgreSQL or a race."""
    if not isinstance(item, pytest.Function):
        return False
    code = item.function.__code__
    return any(map(OF_POSTGRES.search, (*item.fixturenames, *code.co_names, *map(str, code.co_consts))))


def folders_with_own_sql() -> set[Path]:
    """The folders of tests whose package, such as ``customers/imports``, has a module with SQL of its own."""
    modules = (path for app in ("analytics", "customers", "rsolv_cs") for path in (ROOT / app).rglob("*.py"))
    parts = (path.relative_to(ROOT).parts for path in modules if OWN_SQL.search(path.read_text()))
    return {ROOT / "tests" / app / package for app, package, *_rest in parts}


def function_of(item: pytest.Item) -> str:
    """The id of a test without its case."""
    return item.nodeid.partition("[")[0]


def in_a_push() -> bool:
    return settings.get_current_profile_name() == FEW_EXAMPLES


def examples_of_a_push(number: int) -> int:
    """How many examples a property gets: ``number``, in a push a tenth of it, but 5 at least."""
    return max(number // 10, min(number, 5)) if in_a_push() else number
