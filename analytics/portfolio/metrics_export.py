"""The night's export: the feeds, every customer's metrics as of a date, and a manifest that vouches for both."""

import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import date
from typing import IO

from analytics.forecast.bands import shown_percent
from analytics.models import PortfolioDay, ScoringPolicy, Snapshot
from analytics.portfolio.kpis import summary
from analytics.scoring.components import COMPONENTS
from analytics.wording import counted
from customers.audit.export import Export
from customers.core.limits import FETCH_SIZE
from customers.core.sql import read_snapshot
from customers.core.storage.area import Area, StoredFile
from customers.feeds.cell_types import to_cell
from customers.feeds.exports import write_csv, write_feeds
from customers.feeds.manifest import GENERATOR, MANIFEST
from customers.jobs.lock import job_lock
from customers.text.say import english, in_english
from customers.text.written import day as written_day

COMBINED = "combined_metrics.csv"
_VALUES: dict[str, Callable[[Snapshot], object]] = {
    "customer_id": lambda one: one.customer_id,
    "organization": lambda one: one.customer.organization,
    "cohort": lambda one: one.customer.cohort,
    "signup_date": lambda one: one.customer.signup_date,
    "onboarding_complete": lambda one: "yes" if one.onboarded else "no",
    "onboarding_percent": lambda one: one.onboarding_percent,
    "days_to_complete": lambda one: one.days_to_complete,
    "blocker_type": lambda one: one.blocker_type,
    "total_issues_tagged": lambda one: one.issues_tagged,
    "total_prs_generated": lambda one: one.prs_generated,
    "total_prs_merged": lambda one: one.prs_merged,
    "success_rate": lambda one: one.success_rate,
    "days_active": lambda one: one.days_active,
    "health_score": lambda one: one.score,
    "health_status": lambda one: one.status,
    **{component.name: component.points for component in COMPONENTS},
    "trend": lambda one: one.trend,
    "stage": lambda one: one.stage,
    "last_active": lambda one: one.last_active,
    "as_of": lambda one: one.date,
    "forecast_quiet": lambda one: shown_percent(one.forecast_quiet),
    "forecast_first_pr": lambda one: shown_percent(one.forecast_first_pr),
    "scoring_policy": lambda one: one.scoring_policy,
    "provisional_to": lambda one: one.provisional_to,
}
COLUMNS = tuple(_VALUES)


def archive_name(day: date) -> str:
    """Return the name of a date's archive."""
    return f"rsolv_metrics_{day.isoformat()}.zip"


def export_to(area: Area, portfolio: PortfolioDay) -> StoredFile:
    """Write the date's archive into an area; a reader sees the old one or the whole new one."""
    stored = StoredFile(area, archive_name(portfolio.date))
    area.remove_half_done(archive_name(portfolio.date))
    with stored.new() as file:
        write_archive(file, portfolio).record()
    return stored


def write_archive(file: IO[bytes], portfolio: PortfolioDay) -> Export:
    """Write the ZIP of a scored date: the same data give the same bytes. Raises ``LockHeld`` while others write."""
    with read_snapshot(), ExitStack() as stack:
        with job_lock("import", shared=True), job_lock("score", shared=True):
            portfolio = PortfolioDay.objects.select_related("policy").get(pk=portfolio.pk)
        # From here on others may write: what is read is that moment's.
        archive = stack.enter_context(zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED))

        def member(name: str) -> AbstractContextManager[IO[bytes]]:
            return archive.open(_entry(name), "w", force_zip64=True)

        written = write_feeds(member)
        with member(COMBINED) as combined:
            written[COMBINED] = write_csv(combined, COLUMNS, combined_rows(portfolio.date), for_people=False)
        manifest = {
            "generator": GENERATOR,
            "as_of": portfolio.date.isoformat(),
            "policy": _described(portfolio.policy),
            "summary": summary(portfolio),
            "files": {name: {"rows": part.rows, "sha256": part.sha256} for name, part in written.items()},
            "segment_policies": [
                {**_described(one), "cohorts": one.cohorts, "stages": one.stages}
                for one in ScoringPolicy.objects.filter(pk__in=portfolio.segment_policies)
            ],
        }
        with member(MANIFEST) as described:
            described.write(json.dumps(manifest, indent=2, ensure_ascii=False).encode() + b"\n")
    name = archive_name(portfolio.date)
    with in_english():
        customers, day = counted(portfolio.listed, "customer"), written_day(portfolio.date)
    return Export(name, name, english(f"{customers} as of {day}, and all rows of the five feeds"))


def combined_rows(day: date) -> Iterator[list[str]]:
    """Every customer of a scored date in the order of the keys, as the cells of ``COLUMNS``."""
    snapshots = Snapshot.objects.filter(date=day).with_forecasts().with_policy_names().select_related("customer")
    for snapshot in snapshots.order_by("customer_id").iterator(chunk_size=FETCH_SIZE):
        yield [to_cell(value(snapshot)) for value in _VALUES.values()]


def _entry(name: str) -> zipfile.ZipInfo:
    """Return a member without the time of day, so that the same data give the same archive."""
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry


def _described(policy: ScoringPolicy) -> dict[str, object]:
    """Return a policy's name, its first date and its numbers, as JSON has them."""
    numbers = {name: value if isinstance(value, int) else str(value) for name, value in policy.numbers.items()}
    return {"name": policy.name, "effective_from": str(policy.effective_from), **numbers}
