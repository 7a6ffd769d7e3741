"""``manage.py score``: score dates and store their snapshots."""

import sys
from argparse import ArgumentParser
from datetime import date

from tqdm import tqdm

from analytics.management.dates import add_dates, asked_dates
from analytics.scoring.snapshots import NotScorable, score_day
from analytics.scoring.unscored import scoring
from analytics.wording import counted
from customers.jobs.commands import AuditedCommand, usage_error


class Command(AuditedCommand):
    """Translates dates on the command line to ``score_day``."""

    busy = "Another scoring or an import is running; nothing was done."
    help = (
        "Score a date, or each date of a range, and store the snapshots; by default the newest engagement date, and "
        "those dates that are stale because their data or policy has changed. "
        "Scoring a date again replaces its snapshots. Exit code: 0 scored, 2 usage, 75 another scoring or an import "
        "is running."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_dates(parser, "score")

    def handle(self, *, as_of: date | None, first: date | None, last: date | None, **options: object) -> None:
        days = asked_dates(as_of, first, last)
        try:
            with scoring(days) as (days, newest):
                for day in tqdm(days, unit="day", leave=False, disable=not sys.stderr.isatty() or len(days) == 1):
                    portfolio = score_day(day, newest)
                    self.stdout.write(
                        f"{day:%-d %b %Y}: {counted(portfolio.total, 'customer')}, {portfolio.at_risk:,} at risk"
                    )
        except NotScorable as error:
            raise usage_error(str(error)) from error
        through = f"{days[0]:%-d %b %Y}" if len(days) == 1 else f"{days[0]:%-d %b %Y} to {days[-1]:%-d %b %Y}"
        self.stdout.write(f"Scored {counted(len(days), 'date')}: {through}.")
