"""``manage.py score``: score dates and store their snapshots."""

import sys
from argparse import ArgumentParser
from datetime import date, timedelta

from tqdm import tqdm

from analytics.scoring.snapshots import NotScorable, score_day
from analytics.scoring.unscored import scoring
from analytics.wording import counted
from customers.jobs.commands import AuditedCommand, usage_error


class Command(AuditedCommand):
    """Translates dates on the command line to ``score_day``."""

    busy = "Another scoring or an import is running; nothing was done."
    help = (
        "Score a date, or each date of a range, and store the snapshots; by default the newest engagement date, and "
        "those dates that are stale because an import was undone. "
        "Scoring a date again replaces its snapshots. Exit code: 0 scored, 2 usage, 75 another scoring or an import "
        "is running."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--as-of", type=date.fromisoformat, metavar="DATE", help="the date to score")
        parser.add_argument("--from", type=date.fromisoformat, metavar="DATE", dest="first", help="first of a range")
        parser.add_argument("--to", type=date.fromisoformat, metavar="DATE", dest="last", help="last of a range")

    def handle(self, *, as_of: date | None, first: date | None, last: date | None, **options: object) -> None:
        days = _days(as_of, first, last)
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


def _days(as_of: date | None, first: date | None, last: date | None) -> list[date]:
    """Return the dates that are asked for; none where none is."""
    if as_of and (first or last):
        raise usage_error("Give --as-of, or --from and --to, not both.")
    if bool(first) != bool(last):
        raise usage_error("--from and --to go together.")
    if first and last:
        if first > last:
            raise usage_error(f"--from {first} is after --to {last}.")
        return [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [as_of] if as_of else []
