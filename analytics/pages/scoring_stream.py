"""A page that scores while it is answered: a line for each date once it is scored, and how far it is."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date

from django.contrib import admin
from django.db import Error
from django.http import HttpRequest, StreamingHttpResponse
from django.template.loader import render_to_string
from django.utils.html import format_html

from analytics.alerts.put_right import close_repaired
from analytics.scoring.snapshots import NotScorable, score_day
from analytics.scoring.unscored import scoring
from customers.audit import trail
from customers.core.client import client_address
from customers.core.pages import streamed
from customers.jobs.lock import LockHeld
from customers.text import written
from customers.text.say import say, say_html, say_n

logger = logging.getLogger(__name__)

_HERE = "<!-- what is done -->"
"""Stands in the page where the lines of the scoring go, one by one."""


def scoring_stream(
    request: HttpRequest,
    template: str,
    context: Mapping[str, object],
    days: Sequence[date] = (),
    begin: Callable[[], str] = lambda: "",
    finish: Callable[[], str] = lambda: "",
) -> StreamingHttpResponse:
    """Answer with a page, whose context gets ``running`` and ``here``, and score meanwhile.

    The dates are ``days``, or what waits to be scored. ``begin`` is done first, under the lock of scorings; where it
    returns what is against it, nothing is scored. ``finish`` is done last, and returns what to say of it. Each date is
    a transaction of its own. Where the visitor leaves, the date that is being scored is the last one; the others stay
    as they are, and the pages say so.
    """
    shown = {**admin.site.each_context(request), **context, "running": True, "here": _HERE}
    before, _, after = render_to_string(template, shown, request).partition(_HERE)
    actor = trail.Actor(request.user.get_username(), f"{request.method} {request.path}", client_address(request))
    return streamed(_scored(before, after, actor, days, begin, finish))


def _scored(
    before: str,
    after: str,
    actor: trail.Actor,
    asked: Sequence[date],
    begin: Callable[[], str],
    finish: Callable[[], str],
) -> Iterator[str]:
    """The page, with a line for each date once it is scored."""
    yield before
    try:
        with scoring(asked) as (days, newest):
            with trail.acting(actor):
                problem = begin()
            if not problem:
                yield from _dates(days, newest, actor)
        if problem:
            yield _line(say_html("<strong>Nothing was done:</strong> {problem}", problem=problem))
        else:
            close_repaired()
            with trail.acting(actor):
                said = finish()
            if said:
                yield _line(said)
            yield _line(say_html("<strong>Done.</strong>"))
    except LockHeld:
        yield _line(
            say_html("<strong>Nothing was scored:</strong> another scoring or an import is running. Try again later.")
        )
    except NotScorable as error:
        yield _line(say_html("<strong>Nothing was scored:</strong> {problem}", problem=str(error)))
    except Error:
        # The page has begun, so no page of errors can take its place.
        logger.exception("A scoring that somebody had asked for did not end")
        yield _line(
            say_html("<strong>It stopped here:</strong> the database is busy, or cannot be reached. Try again later.")
        )
    yield after


def _dates(days: Sequence[date], newest: date, actor: trail.Actor) -> Iterator[str]:
    """Score each date, and yield the lines that say so."""
    yield _line(
        say_n("Scoring {number} date: {days}.", "Scoring {number} dates: {days}.", len(days), days=_named(days))
    )
    yield _progress(0, len(days))
    for number, day in enumerate(days, start=1):
        with trail.acting(actor):
            portfolio = score_day(day, newest)
        said = say_n(
            "{day}: {number} customer, {at_risk} at risk.",
            "{day}: {number} customers, {at_risk} at risk.",
            portfolio.total,
            day=day,
            at_risk=portfolio.at_risk,
        )
        yield _line(said) + _progress(number, len(days))


_MOST_NAMED = 10


def _named(days: Sequence[date]) -> str:
    if len(days) > _MOST_NAMED:
        return say("{first} to {last}", first=days[0], last=days[-1])
    return ", ".join(map(written.day, days))


def _line(text: str) -> str:
    return format_html("<li>{}</li>", text)


def _progress(done: int, of: int) -> str:
    said = say("{done} of {count}", done=done, count=of)
    return format_html('<li><progress class="bar" max="{}" value="{}">{}</progress></li>', of, done, said)
