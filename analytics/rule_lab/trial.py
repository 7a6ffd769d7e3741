"""What a rule, saved or not, would have done on the newest scored dates: tried date by date, some dates a request.

Between two requests nothing is stored. The page carries what a trial remembers, signed, and hands it back.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from itertools import islice
from time import monotonic
from typing import NamedTuple, Protocol, Self

from django.core import signing

from analytics.models import HORIZON, PortfolioDay
from analytics.page_cache.page_cache import digest
from analytics.rounding import percent
from analytics.rule_lab.outcomes import Everybody, went_quiet
from customers.core.dry_run import temporarily

TRIED_DATES = 60
SECONDS_A_PART = 0.7
"""A request tries another date as long as it has taken less."""
MAX_REMEMBERED = 50_000
"""A rule that means more customers is not tried further: it is too broad anyway, and its memory too large."""
NAMED = 5
_SALT = "rule_lab"

Memory = dict[str, tuple[int, int | None]]
"""By customer the places, among the dates, of those on which it was raised last, and closed since."""


class Tried(Protocol):
    """A rule that is tried."""

    @property
    def content(self) -> tuple[object, ...]:
        """All values that decide what it does."""

    def remembering(self, memory: Memory, dates: list[date]) -> AbstractContextManager[None]:
        """Let the rule know what it has raised so far."""

    def on(self, place: int, dates: list[date], memory: Memory) -> list[str]:
        """Return for whom it is raised on a date, and put into the memory what changes."""


class TriedDay(NamedTuple):
    """What a rule would have raised on a date: ``known`` of them have an outcome; None where it is still open."""

    raised: int
    known: int | None
    quiet: int
    first: list[str]


@dataclass
class Trial:
    """The ``days`` that were tried of the ``dates``, oldest first, and what is remembered of them."""

    dates: list[date]
    content: str
    days: list[TriedDay] = field(default_factory=list)
    memory: Memory = field(default_factory=dict)

    @classmethod
    def begun(cls, tried: Tried, carried: str) -> Self:
        """Return the trial that a page has carried; a new one where that is of another rule, or of other dates."""
        newest = PortfolioDay.objects.order_by("-date").values_list("date", flat=True)
        dates = list(newest[:TRIED_DATES])[::-1]
        trial = cls(dates, digest((tried.content, dates)))
        try:
            content, days, memory = signing.loads(carried, salt=_SALT)
        except signing.BadSignature:
            return trial
        if content == trial.content:
            trial.days = [TriedDay(*day) for day in days]
            trial.memory = {customer: (raised, closed) for customer, (raised, closed) in memory.items()}
        return trial

    @property
    def carried(self) -> str:
        """What the page carries to the next request."""
        return signing.dumps([self.content, self.days, self.memory], salt=_SALT, compress=True)

    @property
    def is_too_broad(self) -> bool:
        """Whether the rule means so many customers that it is not tried further."""
        return len(self.memory) > MAX_REMEMBERED

    @property
    def is_over(self) -> bool:
        """Whether there is no date left to try."""
        return self.is_too_broad or len(self.days) == len(self.dates)

    def go_on(self, tried: Tried) -> None:
        """Try some dates more, at least one of those that are left."""
        started = monotonic()
        with temporarily(), tried.remembering(self.memory, self.dates):
            while not self.is_over:
                self._try(tried, len(self.days))
                if monotonic() - started > SECONDS_A_PART:
                    break

    def _try(self, tried: Tried, place: int) -> None:
        day = self.dates[place]
        raised = tried.on(place, self.dates, self.memory)
        is_open = day + timedelta(days=HORIZON) > self.dates[-1]
        outcomes = {} if is_open or not raised else went_quiet(day, raised)
        # Those who went quiet are named first.
        named = islice(sorted(raised, key=lambda customer: (not outcomes.get(customer), customer)), NAMED)
        known = None if is_open else len(outcomes)
        self.days.append(TriedDay(len(raised), known, sum(outcomes.values()), list(named)))


class ShownDay(NamedTuple):
    """A date as the page shows it; ``share`` is its number in percent of the largest, ``first`` has keys and names."""

    date: date
    raised: int
    known: int | None
    quiet: int
    share: int
    first: list[tuple[str, str]]

    @property
    def others(self) -> int:
        """How many are not named."""
        return self.raised - len(self.first)


@dataclass(frozen=True)
class ShownTrial:
    """A trial in figures, with the ``names`` of customers, and what became of ``everybody`` once it is over."""

    trial: Trial
    names: dict[str, str]
    everybody: Everybody | None = None

    @cached_property
    def raised(self) -> int:
        """How often it would have been raised."""
        return sum(day.raised for day in self.trial.days)

    @property
    def customers(self) -> int:
        """For how many customers."""
        return len(self.trial.memory)

    @property
    def on_first(self) -> int:
        """How many of these on the first date."""
        return self.trial.days[0].raised

    @property
    def known(self) -> int:
        """How many have an outcome."""
        return sum(day.known or 0 for day in self.trial.days)

    @property
    def quiet(self) -> int:
        """How many came before a silence."""
        return sum(day.quiet for day in self.trial.days)

    @property
    def quiet_percent(self) -> int | None:
        """How many came before a silence, in percent of those with an outcome."""
        return percent(self.quiet, self.known)

    @property
    def everybody_percent(self) -> int | None:
        """How many of everybody went quiet, in percent, to compare with."""
        return percent(self.everybody.quiet, self.everybody.customers) if self.everybody else None

    @property
    def open(self) -> int:
        """How many were raised on dates whose outcome is not known yet."""
        return sum(day.raised for day in self.trial.days if day.known is None)

    @property
    def outside(self) -> int:
        """How many have no outcome though the days are over: the forecast is not about these customers."""
        return self.raised - self.known - self.open

    @property
    def days(self) -> Iterator[ShownDay]:
        """The dates with anything raised, newest first."""
        largest = max((day.raised for day in self.trial.days), default=0)
        for when, day in reversed(list(zip(self.trial.dates, self.trial.days, strict=False))):
            if day.raised:
                first = [(key, self.names[key]) for key in day.first if key in self.names]
                yield ShownDay(when, day.raised, day.known, day.quiet, 100 * day.raised // largest, first)

    @property
    def none(self) -> int:
        """On how many of the dates nothing would have been raised."""
        return sum(not day.raised for day in self.trial.days)
