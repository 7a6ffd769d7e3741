"""What is wrong with a feed, and whether the newest engagement can be believed: no bad feed calls customers bad.

Customers are judged as of a scored date, so data that stop arriving make nobody inactive: the date stands still with
them. What would is a date that has been scored with engagement that is refused, ends before it, or is implausibly
little; then what is computed from engagement raises and closes no alert.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from django.db.models import Count
from django.utils import timezone

from analytics.models import Night, PortfolioDay
from analytics.nights import feed_words
from analytics.nights.ledger import ALERTS, FAILED, SKIPPED, STEPS
from analytics.portfolio.figures import FRESH_DAYS
from customers.feeds.declarations import FEEDS
from customers.imports.feed_states import FeedState, feed_states
from customers.models import FeedName, ImportRun, QuarantinedRow, newest_in_files
from customers.text.sentences import Said

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


@dataclass(frozen=True)
class FeedProblem:
    """What is wrong with a feed; ``value`` is the days it is late, or the rows in quarantine."""

    feed: str
    said: Said
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
        if reason := self._why_held_back:
            if known := found.get(FeedName.ENGAGEMENT):
                paused = FeedProblem(known.feed, feed_words.paused_beside.of(problem=known.said), known.value)
            else:
                paused = FeedProblem(FeedName.ENGAGEMENT, feed_words.paused_because.of(reason=reason))
            found[FeedName.ENGAGEMENT] = paused
        return found

    @property
    def held_back(self) -> str:
        """Why nothing may be concluded from the engagement behind the scored date; '' where it can be believed."""
        return str(self._why_held_back or "")

    @cached_property
    def _why_held_back(self) -> Said | None:
        day = self.day
        if day is None:
            return None
        if trouble := self._states[FeedName.ENGAGEMENT].trouble:
            return _ended(trouble)
        newest = self._newest_engagement
        if newest is None:
            return feed_words.no_engagement.of(day=day)
        if newest < day:
            return feed_words.engagement_ends.of(end=newest, day=day)
        range_ = (day - timedelta(days=2 * LOOK_BACK_DAYS), day)
        scored = PortfolioDay.objects.filter(date__range=range_).order_by("date")
        days = list(scored.values_list("date", "active_today"))
        usual = implausible(days, day)
        if usual is None:
            return None
        return feed_words.engagement_implausible.of(day=day, active=dict(days)[day], usual=usual)

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
        name: FeedProblem(name, feed_words.in_quarantine.of(file=feed.file_name, rows=counts[name]), counts[name])
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
    return FeedProblem(name, feed_words.file_not_loaded.of(ended=_ended(run), reason=run.reason))


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
                    said = feed_words.step_failed.of(step=step["name"], moment=started_at, message=step["message"])
                    return FeedProblem(NIGHT, said)
    return None


def _late(name: str, state: FeedState, newest: date | None, today: date) -> FeedProblem | None:
    if not state.required:
        return None
    if state.loaded is None:
        return FeedProblem(name, feed_words.never_loaded.of(file=state.file))
    loaded = timezone.localtime(state.loaded.started_at).date()
    if newest is not None and (today - newest).days > FRESH_DAYS:
        days = (today - newest).days
        return FeedProblem(name, feed_words.engagement_late.of(day=newest, days=days), days)
    days = (today - loaded).days
    if days < -1:  # A day, for the time zone may have been changed.
        return FeedProblem(name, feed_words.loaded_ahead.of(file=state.file, day=loaded))
    if days > FRESH_DAYS:
        return FeedProblem(name, feed_words.file_late.of(file=state.file, day=loaded, days=days), days)
    return None


def _ended(run: ImportRun) -> Said:
    return feed_words.file_ended.of(file=run.file, status=run.status, moment=run.started_at)
