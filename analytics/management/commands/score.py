"""``manage.py score``: score dates and store their snapshots."""

import sys
from argparse import ArgumentParser
from datetime import date

from django.utils.translation import gettext, gettext_lazy
from tqdm import tqdm

from analytics.management.dates import add_dates, asked_dates
from analytics.scoring.snapshots import NotScorable, score_day
from analytics.scoring.unscored import scoring
from analytics.wording import counted
from customers.jobs.commands import AuditedCommand, usage_error
from customers.text.say import in_english, say


class Command(AuditedCommand):
    """Translates dates on the command line to ``score_day``."""

    busy = gettext_lazy("Another scoring or an import is running; nothing was done.")
    about = gettext_lazy(
        "Score a date, or each date of a range, and store the snapshots; by default the newest engagement date, and "
        "those dates that are stale because their data or policy has changed. "
        "Scoring a date again replaces its snapshots. Exit code: 0 scored, 2 usage, 75 another scoring or an import "
        "is running."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_dates(parser, gettext("the date to score"))

    def handle(self, *, as_of: date | None, first: date | None, last: date | None, **options: object) -> None:
        days = asked_dates(as_of, first, last)
        try:
            with scoring(days) as (days, newest):
                for day in tqdm(days, unit="day", leave=False, disable=not sys.stderr.isatty() or len(days) == 1):
                    with in_english():
                        portfolio = score_day(day, newest)
                    self.stdout.write(
                        say(
                            "{day}: {customers}, {number} at risk",
                            day=day,
                            customers=counted(portfolio.total, "customer"),
                            number=portfolio.at_risk,
                        )
                    )
        except NotScorable as error:
            raise usage_error(str(error)) from error
        if len(days) == 1:
            self.stdout.write(say("Scored 1 date: {day}.", day=days[0]))
        else:
            dates = counted(len(days), "date")
            self.stdout.write(say("Scored {dates}: {first} to {last}.", dates=dates, first=days[0], last=days[-1]))
