"""What is wrong with a feed, and whether the newest engagement can be believed: no bad feed calls customers bad.

Customers are judged as of a scored date, so data that stop arriving make nobody inactive: the date stands still with
them. What would is a date that has been scored with engagement that is refused, ends before it, or is implausibly
little; then what is computed from engagement raises and closes no alert.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from django.db.models import Count
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy

from analytics.models import Night, PortfolioDay
from analytics.nights.ledger import ALERTS, FAILED, SKIPPED, STEPS, step_name
from analytics.portfolio.figures import FRESH_DAYS
from customers.feeds.declarations import FEEDS
from customers.imports.feed_states import FeedState, feed_states
from customers.models import FeedName, ImportRun, QuarantinedRow, newest_in_files
from customers.text.say import say, say_n

NIGHT = ""
"""What stands in the place of a feed where a step of the night failed."""
_TOLD_OF = {step.name for step in STEPS} - {ALERTS}
"""The steps whose failure alerts tell of: not of their own."""
NIGHTS_TO_LOOK_AT = 7
MIN_USUAL = 10
"""Below so many customers active on the quietest usual date, no date is called implausible."""
PLAUSIBLE_DIVISOR = 2
"""Implausible is less than one in so many of the quietest usual date."""
LOOK_BACK_DAYS = 28
MIN_COMPARED = 2

_HELD = gettext_lazy("Alerts that are computed from engagement are paused until it is there.")


@dataclass(frozen=True)
class FeedProblem:
    """What is wrong with a feed, in words; ``value`` is the days it is late, or the rows in quarantine."""

    feed: str
    text: str
    value: int | None = None


@dataclass(frozen=True)
class FeedHealth:
    """The feeds and the nights as they are ``today``, each asked for once; ``day`` is the newest scored date."""

    today: date
    day: date | None

    @cached_property
    def problems(self) -> dict[str, FeedProblem]:
        """Return what is wrong with each feed, and (``NIGHT``) with the steps of the night after them.

        Nothing while there was no import.
        """
        found: dict[str, FeedProblem] = {}
        if not ImportRun.objects.exists():
            return found
        for name, state in self._states.items():
            newest = self._newest_engagement if name == FeedName.ENGAGEMENT else None
            problem = _refused(name, state) or _late(name, state, newest, self.today)
            if problem:
                found[name] = problem
        if failed := _failed_step():
            found[NIGHT] = failed
        if reason := self.held_back:
            known = found.get(FeedName.ENGAGEMENT)
            text = f"{known.text} {_HELD}" if known else f"{reason[0].upper()}{reason[1:]}. {_HELD}"
            found[FeedName.ENGAGEMENT] = FeedProblem(FeedName.ENGAGEMENT, text, known.value if known else None)
        return found

    @property
    def held_back(self) -> str:
        """Why nothing may be concluded from the engagement behind the scored date; '' where it can be believed."""
        return self._why_held_back()

    @cached_property
    def _why_held_back(self) -> Callable[[], str]:
        """Return what puts it into words: pages say it in their language, and alerts in English."""
        day = self.day
        if day is None:
            return str
        if trouble := self._states[FeedName.ENGAGEMENT].trouble:
            return lambda: _ended(trouble)
        newest = self._newest_engagement
        if newest is None:
            return lambda: say("engagement is not there, but {day} is scored", day=day)
        if newest < day:
            return lambda: say("engagement ends on {end}, but {day} is scored", end=newest, day=day)
        range_ = (day - timedelta(days=2 * LOOK_BACK_DAYS), day)
        scored = PortfolioDay.objects.filter(date__range=range_).order_by("date")
        days = list(scored.values_list("date", "active_today"))
        usual = implausible(days, day)
        if usual is None:
            return str
        active = dict(days)[day]
        return lambda: say_n(
            "engagement of {day} is implausibly little: {number} customer active, where at least {usual} are usual",
            "engagement of {day} is implausibly little: {number} customers active, where at least {usual} are usual",
            active,
            day=day,
            usual=usual,
        )

    @cached_property
    def _states(self) -> dict[str, FeedState]:
        return {state.name: state for state in feed_states()}

    @cached_property
    def _newest_engagement(self) -> date | None:
        return newest_in_files(self.today)


def quarantined(rows: int) -> dict[str, FeedProblem]:
    """Return the feeds with so many rows in quarantine, or more; ``value`` of each is their number."""
    open_rows = QuarantinedRow.objects.filter(status=QuarantinedRow.Status.OPEN).order_by()
    counts = dict(open_rows.values_list("feed").annotate(Count("pk")))
    return {
        name: FeedProblem(
            name,
            say_n(
                "{number} row of {file} in quarantine.",
                "{number} rows of {file} in quarantine.",
                counts[name],
                file=feed.file_name,
            ),
            counts[name],
        )
        for name, feed in FEEDS.items()
        if counts.get(name, 0) >= rows
    }


def implausible(days: Sequence[tuple[date, int]], day: date) -> int | None:
    """Return how many active customers would be usual on ``day`` at least, where it has less than half of that.

    ``days`` are scored dates, oldest first, with the customers active on each. Compared are the same weekdays of the
    28 days before; dates that were implausible themselves do not count, so that less for good is usual four weeks on.
    None: plausible, or too little to compare with (fewer than 2 dates, or a least of fewer than 10 customers).
    """
    usual: dict[date, int] = {}
    for one, active in days:
        since = one - timedelta(days=LOOK_BACK_DAYS)
        compared = [n for earlier, n in usual.items() if earlier >= since and earlier.weekday() == one.weekday()]
        least = min(compared, default=0)
        if len(compared) >= MIN_COMPARED and least >= MIN_USUAL and active * PLAUSIBLE_DIVISOR < least:
            if one == day:
                return least
        else:
            usual[one] = active
    return None


def _refused(name: str, state: FeedState) -> FeedProblem | None:
    run = state.trouble
    if run is None:
        return None
    return FeedProblem(name, f"{_ended(run)}: {run.reason}.")


def _failed_step() -> FeedProblem | None:
    """Return the first step that failed when it was last tried, in this night or an earlier one."""
    tried: set[str] = set()
    nights = Night.objects.order_by("-pk").values_list("started_at", "put_right_at", "steps")[:NIGHTS_TO_LOOK_AT]
    for started_at, put_right_at, steps in nights:
        if put_right_at:
            tried.update(step["name"] for step in steps)
        for step in steps:
            if step["name"] in _TOLD_OF - tried and step["result"] != SKIPPED:
                tried.add(step["name"])
                if step["result"] == FAILED:
                    text = say(
                        "{step} failed in the nightly run of {moment}: {message}",
                        step=capfirst(step_name(step["name"])),
                        moment=started_at,
                        message=step["message"],
                    )
                    return FeedProblem(NIGHT, text)
    return None


def _late(name: str, state: FeedState, newest: date | None, today: date) -> FeedProblem | None:
    if not state.required:
        return None
    if state.loaded is None:
        return FeedProblem(name, say("{file} was never loaded.", file=state.file))
    loaded = timezone.localtime(state.loaded.started_at).date()
    if newest is not None and (today - newest).days > FRESH_DAYS:
        days = (today - newest).days
        text = say_n(
            "Engagement ends on {day}, {number} day ago; customers are judged as of then.",
            "Engagement ends on {day}, {number} days ago; customers are judged as of then.",
            days,
            day=newest,
        )
        return FeedProblem(name, text, days)
    days = (today - loaded).days
    if days < -1:  # A day, for the time zone may have been changed.
        text = say("{file} was last loaded, by its record, on {day}: check the clock.", file=state.file, day=loaded)
        return FeedProblem(name, text)
    if days > FRESH_DAYS:
        text = say_n(
            "{file} was last loaded on {day}, {number} day ago.",
            "{file} was last loaded on {day}, {number} days ago.",
            days,
            file=state.file,
            day=loaded,
        )
        return FeedProblem(name, text, days)
    return None


def _ended(run: ImportRun) -> str:
    if run.status == ImportRun.Status.FAILED:
        return say("{file} failed on {moment}", file=run.file, moment=run.started_at)
    if run.status == ImportRun.Status.REFUSED:
        return say("{file} was refused on {moment}", file=run.file, moment=run.started_at)
    return say("{file} was interrupted on {moment}", file=run.file, moment=run.started_at)
