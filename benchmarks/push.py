"""How long a push to a CRM and its preview take, on both databases: ``python -m benchmarks.push``.

The program is that of ``program.py``, imported and scored. HubSpot and Salesforce are the fakes of the tests, in a
process of their own, over real HTTP on loopback: what is measured is our part. First everybody is pushed, then 1 %
have another score. The preview counts all customers and shows a page of them; nothing of it is kept from before.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.pages import SIZES, Installation, new_database, row, verdict, write_program
from benchmarks.policy_lab import peak_mib
from tests.support.hubspot import TOKEN, fake_hubspot
from tests.support.salesforce import KEY, salesforce
from tests.support.salesforce_answers import CLIENT, SECRET
from tests.support.salesforce_org import Field

PUSH_SECONDS, PREVIEW_SECONDS, MOST_MIB = 10.0, 3.0, 200.0
"""The aims, of 10,000 customers."""
FIRST, CHANGED, PREVIEW = "first", "changed", "preview"
HUBSPOT, SALESFORCE = "HubSpot", "Salesforce"
NAMES = (
    *("score", "status", "trend", "stage", "progress", "last_active", "forecast_quiet", "forecast_first_pr"),
    *("owner", "blocker", "alerts", "link"),
)


@contextmanager
def hubspot_there() -> Iterator[dict[str, str]]:
    """A HubSpot that has all of our properties; gives the credentials."""
    with fake_hubspot() as hubspot:
        hubspot.properties |= {f"rsolv_{name}": False for name in NAMES}
        yield {"CRM_HUBSPOT_TOKEN": TOKEN, "CRM_HUBSPOT_URL": hubspot.address}
        assert hubspot.violations == []


@contextmanager
def salesforce_there() -> Iterator[dict[str, str]]:
    """A Salesforce that has all of our fields, and makes accounts of whom it does not know; gives the credentials."""
    fields = [Field(KEY, external_id=True), *(Field(f"RSOLV_{name}__c") for name in NAMES)]
    with salesforce(fields=fields, names_new_accounts=True) as server:
        names = {"URL": server.url, "CLIENT_ID": CLIENT, "CLIENT_SECRET": SECRET}
        yield {f"CRM_SALESFORCE_{name}": value for name, value in names.items()}


KINDS = {HUBSPOT: hubspot_there, SALESFORCE: salesforce_there}


def made(kind: str, work: str) -> None:
    """Do a piece of work; print how long it took, what came of it, and the process's peak memory."""
    import django

    django.setup()
    from django.db.models import F

    from analytics.crm.preview import preview_push
    from analytics.crm.pushing import push_to
    from analytics.models import Destination, PortfolioDay, PushedValue, Snapshot
    from analytics.page_cache.version import DataVersion, StateVersion

    start_of, end_of = ("rsolv_", "") if kind == HUBSPOT else ("RSOLV_", "__c")
    fields = {value.value: {"name": f"{start_of}{value.value}{end_of}", "mode": "overwrite"} for value in PushedValue}
    there, _created = Destination.objects.get_or_create(
        name=kind,
        defaults={
            "kind": kind.lower(),
            "variables": f"CRM_{kind.upper()}",
            "prefix": start_of,
            "match_key": "rsolv_customer_id" if kind == HUBSPOT else KEY,
            "fields": fields,
        },
    )
    portfolio = PortfolioDay.objects.newest()
    if work == CHANGED:
        rows = Snapshot.objects.filter(date=portfolio.date).order_by("customer")
        some = list(rows.values_list("pk", flat=True)[: portfolio.total // 100])
        Snapshot.objects.filter(pk__in=some).update(score=(F("score") + 1) % 100)
    start = time.perf_counter()
    if work == PREVIEW:
        version = StateVersion(0, str(start), 0, DataVersion(0, str(start), 0))
        what = f"{preview_push(there, portfolio, version, asked='', page='').total:,} customers"
    else:
        what = push_to(there, "benchmark").in_words
    told = {"seconds": time.perf_counter() - start, "what": what, "peak_mib": peak_mib()}
    sys.stdout.write(json.dumps(told))


def worked(environment: dict[str, str], kind: str, work: str) -> dict[str, Any]:
    """Do a piece of work in a process of its own, and return what it printed."""
    command = [sys.executable, "-m", "benchmarks.push", kind, work]
    answer: dict[str, Any] = json.loads(
        subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout
    )
    return answer


def measure(database: str, url: str, folder: Path, customers: int, kinds: Sequence[str]) -> None:
    """The rows of one program on one database."""
    ours = Installation(url)
    ours.manage("migrate", "--verbosity", "0")
    ours.work("load", str(folder))
    ours.work("score", "0")
    for kind in kinds:
        with KINDS[kind]() as secrets:
            for work, aim in ((FIRST, None), (CHANGED, PUSH_SECONDS), (PREVIEW, PREVIEW_SECONDS)):
                found = worked({**ours.environment, **secrets}, kind, work)
                seconds, peak = found["seconds"], found["peak_mib"]
                met = verdict(seconds <= aim and peak <= MOST_MIB) if aim and customers == 10_000 else ""
                said = f"<= {aim:.0f} s, {MOST_MIB:.0f} MiB" if met else ""
                place = f"{database}, {customers:,}, {kind}"
                row(place, work, found["what"], f"{seconds:.2f} s", f"{peak:.0f} MiB", said, met)


def main() -> None:
    """Measure what was asked for, by default everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, choices=SIZES, action="append")
    parser.add_argument("--database", choices=["SQLite", "PostgreSQL"], action="append")
    parser.add_argument("--kind", choices=list(KINDS), action="append")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rsolv-bench-") as name:
        folder = Path(name)
        os.environ["ARCHIVE_DIR"] = str(folder / "archive")
        row("database, customers, CRM", "work", "what", "seconds", "memory", "aim", "")
        print("|---|---|---|---:|---:|---|---|")
        for customers in options.customers or SIZES:
            size = SIZES[customers]
            files = write_program(folder / str(customers), size.customers, size.rows)
            for database in options.database or ["SQLite", "PostgreSQL"]:
                with new_database(database, folder) as url:
                    measure(database, url, files, customers, options.kind or list(KINDS))


if __name__ == "__main__":
    made(*sys.argv[1:]) if sys.argv[2:] in ([FIRST], [CHANGED], [PREVIEW]) else main()
