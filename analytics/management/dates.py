"""The dates that a command is asked for: one, or a range."""

from argparse import ArgumentParser
from datetime import date, timedelta

from django.utils.translation import gettext

from customers.jobs.commands import usage_error
from customers.text.say import say


def add_dates(parser: ArgumentParser, meaning: str) -> None:
    """Add ``--as-of``, which means this, ``--from`` and ``--to`` to a command that does something to dates."""
    parser.add_argument("--as-of", type=date.fromisoformat, metavar="DATE", help=meaning)
    parser.add_argument(
        "--from", type=date.fromisoformat, metavar="DATE", dest="first", help=gettext("first of a range")
    )
    parser.add_argument("--to", type=date.fromisoformat, metavar="DATE", dest="last", help=gettext("last of a range"))


def asked_dates(as_of: date | None, first: date | None, last: date | None) -> list[date]:
    """Return the dates that are asked for; none where none is. Raises a usage error for an impossible range."""
    if as_of and (first or last):
        raise usage_error(gettext("Give --as-of, or --from and --to, not both."))
    if bool(first) != bool(last):
        raise usage_error(gettext("--from and --to go together."))
    if first and last:
        if first > last:
            raise usage_error(say("--from {first} is after --to {last}.", first=str(first), last=str(last)))
        return [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [as_of] if as_of else []
