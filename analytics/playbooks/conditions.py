"""What starts and ends a playbook: in SQL, of the snapshots of a scored date, and in words."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from django.db.models import OuterRef, Q
from django.utils.translation import gettext

from analytics.forecast.bands import LIKELY, percent_of
from analytics.models import (
    Condition,
    ForecastDay,
    ForecastTarget,
    HealthStatus,
    Playbook,
    Snapshot,
    SnapshotQuerySet,
)
from analytics.tasks.conditions import CONDITIONS
from customers.models import Customer, Step
from customers.text.say import english, say, say_n
from customers.text.written import percentage

Start, End = Playbook.Start, Playbook.End
ENDED_CONTRACT = english("The account is paused or has ended")


@dataclass(frozen=True)
class StartSpec:
    """A start: which snapshots meet it, and the reason in words of one that does."""

    where: Callable[[Playbook, date], Q]
    reason: Callable[[Snapshot, Playbook], str]


def _like(condition: Condition) -> StartSpec:
    """Return the start that is the condition of a recommendation rule without an N."""
    spec = CONDITIONS[condition]
    return StartSpec(lambda playbook, day: spec.where(day, 0), lambda snapshot, playbook: spec.reason(snapshot, 0))


def _quiet_reason(snapshot: Snapshot, playbook: Playbook) -> str:
    percent = percentage(percent_of(snapshot.forecast_quiet or 0))
    return say("Likely to go quiet: {percent}", percent=percent)


STARTS = {
    Start.AT_RISK: _like(Condition.AT_RISK),
    Start.INACTIVE: _like(Condition.INACTIVE),
    Start.BLOCKED: _like(Condition.BLOCKED),
    Start.LIKELY_QUIET: StartSpec(lambda playbook, day: Q(forecast_quiet__gte=LIKELY.start), _quiet_reason),
    Start.STAGE: StartSpec(
        lambda playbook, day: Q(stage=playbook.stage),
        lambda snapshot, playbook: say("Stage: {stage}", stage=snapshot.get_stage_display()),
    ),
    Start.STEP: StartSpec(
        lambda playbook, day: Q(**{Step(playbook.step).value: True}),
        lambda snapshot, playbook: say("Reached the step {step}", step=playbook.get_step_display()),
    ),
    Start.ONBOARDED: StartSpec(
        lambda playbook, day: Q(onboarded=True), lambda snapshot, playbook: gettext("Onboarding completed")
    ),
    Start.FIRST_MERGED: StartSpec(
        lambda playbook, day: Q(prs_merged__gt=0),
        lambda snapshot, playbook: say_n("{number} PR merged", "{number} PRs merged", snapshot.prs_merged),
    ),
}
"""Of each start; a new one needs its entry here and, if it ends with itself, nothing else."""
_DOING_WELL = [HealthStatus.HEALTHY, HealthStatus.CHAMPION]
_ENDS = {
    End.DOING_WELL: Q(status__in=_DOING_WELL),
    End.ONBOARDED: Q(onboarded=True),
    End.FIRST_PR: Q(first_pr_generated=True),
}
"""The ends that a snapshot alone tells; the others compare it with the run."""


def is_known(playbook: Playbook, day: date) -> bool:
    """Return whether the date tells of everybody if the start holds: a forecast may not have been made."""
    if playbook.start != Start.LIKELY_QUIET:
        return True
    return ForecastDay.objects.filter(date=day, target=ForecastTarget.QUIET, model__isnull=False).exists()


def starting(playbook: Playbook, day: date) -> SnapshotQuerySet:
    """Return the snapshots of the date for which the start holds and no end does, without contracts that are over."""
    over = Customer.Status.over()
    found = holding(playbook, day).exclude(customer__status__in=over)
    return found.exclude(_ENDS[End(playbook.end)]) if playbook.end in _ENDS else found


def holding(playbook: Playbook, day: date) -> SnapshotQuerySet:
    """Return the snapshots of the date for which the start holds, whoever they are of."""
    found = Snapshot.objects.filter(date=day).order_by()
    found = found.with_forecasts() if playbook.start == Start.LIKELY_QUIET else found
    return found.filter(STARTS[Start(playbook.start)].where(playbook, day))


def reason(snapshot: Snapshot, playbook: Playbook) -> str:
    """Return why it starts for the customer of a snapshot."""
    return STARTS[Start(playbook.start)].reason(snapshot, playbook)


def ending(playbook: Playbook, day: date) -> SnapshotQuerySet:
    """Return the snapshots that end a run, to be looked for in a query of runs: of its customer, on the date."""
    theirs = Snapshot.objects.filter(date=day, customer=OuterRef("customer")).order_by()
    match playbook.end:
        case End.OVER:
            return theirs.exclude(pk__in=holding(playbook, day).values("pk"))
        case End.ACTIVE:
            return theirs.filter(last_active__gt=OuterRef("day"))
        case "":
            return theirs.none()
    return theirs.filter(_ENDS[End(playbook.end)])
