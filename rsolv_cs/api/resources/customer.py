"""One customer: what is known, how its score comes about, what is forecast, and what happened."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, ClassVar, TypedDict

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter

from analytics.customer_page.forecast import CustomerForecast, ReasonLine, forecast_days, forecasts
from analytics.customer_page.history import with_features
from analytics.customer_page.score_card import score_lines
from analytics.customer_page.steps import steps
from analytics.customer_page.timeline import Entry, TimelineFilter, timeline
from analytics.models import ForecastTarget, Snapshot
from analytics.pages.user_summary import user_summary
from analytics.portfolio.score_change import ScoreChanges
from analytics.scoring.components import COMPONENTS
from customers.clock import program_today
from customers.models import Customer, Step
from rsolv_cs.api.access import Accesses, reads
from rsolv_cs.api.paging import paging_of
from rsolv_cs.api.reading import AS_OF, CURSOR_PARAMETER, ReadView, choice_of, scored_date
from rsolv_cs.api.resources.facts import (
    Changes,
    CustomerFacts,
    SnapshotFacts,
    changes_of,
    customer_facts,
    snapshot_facts,
    with_customers,
)


class Component(TypedDict):
    """A component of the score: its points and their reason."""

    name: str
    label: str
    points: Annotated[int | None, "Null where it is not available, which counts 0."]
    maximum: int
    reason: Annotated[str, "What the points were calculated from."]
    first_day: Annotated[date | None, "The first day of what it looks at; null where it looks at no days."]
    last_day: date | None
    definition: str


class ForecastReason(TypedDict):
    """What makes a forecast differ from that of the average customer learnt from."""

    reason: str
    points: Annotated[int, "Hundredths of log odds; against where below 0."]
    beyond: Annotated[bool, "The value was in no learning row."]


class ForecastFacts(TypedDict):
    """A forecast of the 30 days after the scored date."""

    target: ForecastTarget
    percent: Annotated[int | None, "How probable it is; null without a forecast."]
    words: Annotated[str, "Such as `Likely to go quiet`; without a forecast why there is none."]
    like: Annotated[str, "What came of those who were like this customer."]
    average_percent: Annotated[
        int | None, "That of the average customer learnt from; null where no reasons are known."
    ]
    reasons: Annotated[list[ForecastReason], "Up to three for and three against, the weightiest first."]
    other_points: Annotated[int, "Those of all other reasons together."]
    definition: str


class StepFacts(TypedDict):
    """An onboarding step on the scored date."""

    step: Step
    label: str
    done: bool
    day: Annotated[date | None, "When it was done; null where that is not known."]
    source: Annotated[str, "How the day is known."]


class CustomerDetail(CustomerFacts):
    """A customer; what was known of it on the scored date is null or empty where it had no snapshot then."""

    as_of: Annotated[date | None, "The scored date; null where nothing is scored yet."]
    snapshot: SnapshotFacts | None
    changes: Changes | None
    components: list[Component]
    onboarding: list[StepFacts]
    forecasts: list[ForecastFacts]


class CustomerView(ReadView):
    """One customer as of a scored date."""

    access: Accesses = reads("customers.view_customer")
    operation = "get_customer"
    parameters: ClassVar = (AS_OF,)
    answers = CustomerDetail

    def answer(self, request: HttpRequest, **kwargs: object) -> CustomerDetail:
        """Return the customer."""
        customers = Customer.objects.select_related("missing_since", "care__owner")
        found = get_object_or_404(customers, pk=kwargs["pk"])
        portfolio = scored_date(request).portfolio
        day = portfolio.date if portfolio else None
        snapshot, version = None, user_summary(request).version.data
        if day:
            rows = with_features(with_customers(day, ScoreChanges(day, version))).select_related("policy")
            snapshot = rows.filter(customer=found).first()
        facts = customer_facts(found)
        if day is None or snapshot is None:
            nothing: CustomerDetail = {
                **facts,
                "as_of": day,
                "snapshot": None,
                "changes": None,
                "components": [],
                "onboarding": [],
                "forecasts": [],
            }
            return nothing
        done, _dated = steps(found, {step.value: getattr(snapshot, step.value) for step in Step})
        return {
            **facts,
            "as_of": day,
            "snapshot": snapshot_facts(snapshot),
            "changes": changes_of(snapshot),
            "components": _components(snapshot),
            "onboarding": [
                {"step": step, "label": one.label, "done": one.done, "day": one.day, "source": one.source}
                for step, one in zip(Step, done, strict=True)
            ],
            "forecasts": [_forecast(one) for one in forecasts(found, snapshot, forecast_days(version, day)) or ()],
        }


def _components(snapshot: Snapshot) -> list[Component]:
    found: list[Component] = []
    for component, line in zip(COMPONENTS, score_lines(snapshot), strict=True):
        first, last = line.dates or (None, None)
        found.append(
            {
                "name": component.name,
                "label": line.label,
                "points": line.points,
                "maximum": line.most,
                "reason": line.inputs,
                "first_day": first,
                "last_day": last,
                "definition": line.definition,
            }
        )
    return found


def _forecast(one: CustomerForecast) -> ForecastFacts:
    why = one.why
    return {
        "target": one.target,
        "percent": one.percent if one.band else None,
        "words": one.words or one.lacking,
        "like": one.like,
        "average_percent": why.average if why else None,
        "reasons": _reasons(why.in_favor) + _reasons(why.against) if why else [],
        "other_points": why.rest if why else 0,
        "definition": one.definition,
    }


def _reasons(lines: Sequence[ReasonLine]) -> list[ForecastReason]:
    return [{"reason": line.words, "points": line.points, "beyond": line.beyond} for line in lines]


# --- What happened ------------------------------------------------------------------------------------------------

KINDS = [value for value in TimelineFilter.values if value]
TOLD = OpenApiParameter(
    "told", {"type": "string", "enum": KINDS}, description="What alone is told; everything where it is not given."
)


class TimelineEntry(TypedDict):
    """Something that happened on a day."""

    day: date
    moment: Annotated[datetime | None, "Of what a person or an import did."]
    kind: str
    text: str
    who: Annotated[str, "The person who did it; empty where none did."]
    run: Annotated[int | None, "The import run that did it."]


class TimelinePageAnswer(TypedDict):
    """A page of a timeline."""

    as_of: Annotated[date | None, "The scored date; null where nothing is scored yet."]
    next: Annotated[str | None, "The address of the next page; null on the last one."]
    results: list[TimelineEntry]


class TimelineView(ReadView):
    """What happened with one customer up to a scored date, the newest first: fifty entries a page."""

    access: Accesses = reads("customers.view_customer")
    operation = "list_customer_timeline"
    parameters: ClassVar = (AS_OF, TOLD, CURSOR_PARAMETER)
    answers = TimelinePageAnswer

    def answer(self, request: HttpRequest, **kwargs: object) -> TimelinePageAnswer:
        """Return a page of entries."""
        paging = paging_of(request)
        found = get_object_or_404(Customer, pk=kwargs["pk"])
        shown = scored_date(request)
        chosen = TimelineFilter(choice_of(request, TOLD.name, KINDS, "") if TOLD.name in request.GET else "")
        number, known_at = paging.position or (1, timezone.now().isoformat())
        page = timeline(
            found,
            shown.portfolio.date if shown.portfolio else program_today(),
            is_newest=shown.is_newest,
            chosen=chosen,
            number=int(number or 1),
            dated_steps=steps(found, dict.fromkeys(Step.values, False))[1],
            known_at=datetime.fromisoformat(str(known_at)),
        )
        day = shown.portfolio.date if shown.portfolio else None
        following = paging.next_page([page.older, known_at] if page.older else None, day)
        return {"as_of": day, "next": following, "results": [_entry(one) for one in page.entries]}


def _entry(one: Entry) -> TimelineEntry:
    return {"day": one.day, "moment": one.moment, "kind": one.kind, "text": one.text, "who": one.who, "run": one.run}
