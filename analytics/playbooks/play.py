"""One look at all playbooks that are on: starts, does what is due, and ends; a second one changes nothing."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date

from django.db.models import Q
from django.utils import timezone

from analytics.models import Playbook, PlaybookStepRun, PortfolioDay
from analytics.nights.feed_health import FeedHealth
from analytics.playbooks.end import end_done, end_early
from analytics.playbooks.start import NotUnderstood, forget_left, start_for
from analytics.playbooks.steps import do_steps
from customers.audit import trail
from customers.clock import is_weekend, program_today
from customers.core.limits import FETCH_SIZE, batches
from customers.text.say import in_english, say

State = PlaybookStepRun.State


@dataclass
class Played:
    """What was done; ``held_back`` says why nothing was, ``broken`` which playbooks start for nobody, and why."""

    day: date | None
    held_back: str = ""
    started: int = 0
    ended: int = 0
    done: int = 0
    waiting: int = 0
    skipped: int = 0
    held: int = 0
    broken: dict[int, str] = field(default_factory=dict)

    @property
    def is_nothing(self) -> bool:
        """Whether nothing has changed."""
        return not (self.started or self.ended or self.done or self.waiting or self.skipped or self.held)

    @property
    def words(self) -> str:
        """What was done, in words."""
        return say(
            "{started} started, {ended} ended; {done} steps done, {waiting} wait for approval, {skipped} skipped, "
            "{held} held",
            started=self.started,
            ended=self.ended,
            done=self.done,
            waiting=self.waiting,
            skipped=self.skipped,
            held=self.held,
        )

    def count(self, state: PlaybookStepRun.State) -> None:
        """Count what a step became."""
        self.done += state == State.DONE
        self.waiting += state == State.WAITING
        self.skipped += state == State.SKIPPED
        self.held += state == State.HELD


def play(customers: Collection[str] | None = None) -> Played:
    """Bring the playbooks in step with the newest scored date, for some customers or everybody.

    While the newest engagement cannot be believed nothing is done, and on weekends no step. The caller holds the
    lock ``playbooks``.
    """
    portfolio, today = PortfolioDay.objects.newest(), program_today()
    if portfolio is None:
        return Played(None)
    played = Played(portfolio.date, FeedHealth(timezone.localdate(), portfolio.date).held_back)
    if played.held_back:
        return played
    groups = [Q()] if customers is None else [Q(customer__in=some) for some in batches(sorted(customers), FETCH_SIZE)]
    for playbook in Playbook.objects.filter(active=True).prefetch_related("steps__template"):
        for among in groups:
            _play(playbook, portfolio.date, today, among, played)
    if not played.is_nothing:
        with in_english():
            detail = played.words
        trail.record(trail.Action.COMMAND, "playbooks", detail=detail)
    return played


def _play(playbook: Playbook, day: date, today: date, among: Q, played: Played) -> None:
    steps = list(playbook.steps.all())
    played.ended += end_early(playbook, day, among)
    forget_left(playbook, day, among)
    try:
        played.started += start_for(playbook, day, today, among)
    except NotUnderstood as problem:
        played.broken[playbook.pk] = say(
            "Playbook “{name}” starts for nobody: {problem}", name=playbook.name, problem=str(problem)
        )
    for step in steps if not is_weekend(today) else ():
        for state in do_steps(step, today, among):
            played.count(state)
    played.ended += end_done(playbook, steps, among)
