"""Metrics of the nights: when the last ones were, how they ended, and how long each step took."""

from collections.abc import Iterator

from django.db.models import Q, Subquery
from prometheus_client.metrics_core import Metric

from analytics.models import Night
from analytics.nights import ledger
from rsolv_cs.monitoring.family import Values, gauge, moment, one_of, single

_STEP_STATES = {
    ledger.DONE: "done",
    ledger.WARNED: "warned",
    ledger.FAILED: "failed",
    ledger.SKIPPED: "skipped",
}
_State = Night.State
_ENDED = [state.value for state in _State if state != _State.RUNNING]
_WELL = (_State.DONE, _State.WARNED)


def night_families() -> Iterator[Metric]:
    """Yield them; one query."""
    newest = Night.objects.order_by("-pk").values("pk")
    ended, well = newest.filter(state__in=_ENDED), newest.filter(state__in=_WELL)
    wanted = Q()
    for query in (newest, ended, well):
        wanted |= Q(pk=Subquery(query[:1]))
    nights = list(Night.objects.filter(wanted).order_by("-pk"))
    last = next((night for night in nights if night.state in _ENDED), None)
    yield from _moments(nights)
    yield single(
        "rsolv_night_failing", "1 where /readyz says that the nights are not well.", _is_failing(nights, last)
    )
    states = one_of(_ENDED, now=last.state) if last else {}
    yield gauge("rsolv_night_state", "How the last night ended: 1 for its state.", "state", of=states)
    yield from _steps(last)


def _moments(nights: list[Night]) -> Iterator[Metric]:
    begun = nights[0] if nights else None
    ended = next((night for night in nights if night.finished_at), None)
    well = next((night for night in nights if night.state in _WELL), None)
    yield moment(
        "rsolv_night_start_timestamp_seconds", "When the last night began.", begun.started_at if begun else None
    )
    yield moment(
        "rsolv_night_end_timestamp_seconds", "When the last night ended.", ended.finished_at if ended else None
    )
    yield moment(
        "rsolv_night_success_timestamp_seconds",
        "When the last night ended that did all it had to.",
        well.finished_at if well else None,
    )
    is_running = begun is not None and begun.state == _State.RUNNING
    yield single("rsolv_night_running", "1 while a night runs.", float(is_running))
    took = (ended.finished_at - ended.started_at).total_seconds() if ended and ended.finished_at else None
    yield single("rsolv_night_duration_seconds", "How long the last night took.", took)


def _is_failing(nights: list[Night], last: Night | None) -> float:
    found = {
        "night": last.pk if last else None,
        "night_state": last.state if last else None,
        "night_of": last.started_at if last else None,
        "night_put_right": last.put_right_at if last else None,
        "night_begun": nights[0].started_at if nights else None,
    }
    return float(ledger.night_problem(found) is not None)


def _steps(last: Night | None) -> Iterator[Metric]:
    steps = last.steps if last else []
    seconds = {(str(step["name"]),): float(step["seconds"]) for step in steps}
    yield gauge("rsolv_night_step_duration_seconds", "How long each step of the last night took.", "step", of=seconds)
    states: Values = {}
    for step in steps:
        now = _STEP_STATES.get(step["result"], "")
        states |= one_of(_STEP_STATES.values(), now=now, of=(str(step["name"]),))
    yield gauge(
        "rsolv_night_step_state", "How each step of the last night ended: 1 for its state.", "step", "state", of=states
    )
