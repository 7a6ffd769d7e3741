"""How many customers of the visitor's own are to be acted on: the badge beside My day."""

from django.http import HttpRequest

from analytics.my_day.worklist import newest_days, worklist
from analytics.pages.user_summary import user_summary
from customers.clock import program_today
from customers.core.pages import user_of


def to_do_count(request: HttpRequest) -> int:
    """Return the number; no query for who owns no customers, or where nothing has changed since the last time."""
    summary = user_summary(request)
    portfolio, before = newest_days(summary.version.data) if summary.owns else (None, None)
    if portfolio is None:
        return 0
    mine = str(user_of(request).pk)
    return len(worklist(portfolio, before, mine, program_today(), summary.version).to_do)
