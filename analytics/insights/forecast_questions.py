"""What is asked of the forecasts' back-tests, in words, and which of the cases each of its figures counts."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Max, Q, QuerySet

from analytics.forecast.bands import CAME_TRUE, DEFINITIONS
from analytics.models import TOPS, ForecastCase, ForecastTarget

PARTS = {"acted": "Somebody acted", "not_acted": "Nobody acted"}


@dataclass(frozen=True)
class CaseKind:
    """Some of the cases with a forecast: what they are called, and the condition that they meet."""

    label: str
    condition: Q


def _newest_cases(target: ForecastTarget) -> QuerySet[ForecastCase, int]:
    """Return the keys of each customer's newest case with a forecast: months are stored one after the other."""
    known = ForecastCase.objects.of(target).forecast().order_by().values("customer")
    return known.annotate(newest=Max("pk")).values_list("newest", flat=True)


@dataclass(frozen=True)
class Question:
    """A forecast, and in words what is said of those for whom it came true, or did not."""

    target: ForecastTarget
    came_true: str
    stayed: str

    @property
    def about(self) -> str:
        """What is forecast of whom."""
        return DEFINITIONS[self.target]

    @property
    def kinds(self) -> Mapping[str, CaseKind]:
        """The kinds of cases that a figure of the page counts, by name."""
        true = Q(came_true=True)
        kinds = {
            "all": CaseKind("All forecasts", Q()),
            "true": CaseKind(f"All who {self.came_true}", true),
            "customers": CaseKind("The newest forecast of each customer", Q(pk__in=_newest_cases(self.target))),
        }
        for size in TOPS:
            flagged, label = Q(rank__lte=size), f"The {size} most likely of each month"
            missed = Q(rank=None) | Q(rank__gt=size)
            kinds |= {
                f"top-{size}": CaseKind(label, flagged),
                f"top-{size}-true": CaseKind(f"{label} who {self.came_true}", flagged & true),
                f"top-{size}-missed": CaseKind(f"All who {self.came_true}, without the {size}", missed & true),
            }
        if self.target == ForecastTarget.QUIET:
            kinds["flagged"] = CaseKind("Silences flagged", Q(lead_days__isnull=False))
        for name, label in PARTS.items():
            part = Q(acted=name == "acted")
            kinds |= {name: CaseKind(label, part), f"{name}-true": CaseKind(f"{label}: {self.came_true}", part & true)}
        return kinds


QUESTIONS = (
    Question(ForecastTarget.QUIET, CAME_TRUE[ForecastTarget.QUIET], "stayed active"),
    Question(ForecastTarget.FIRST_PR, CAME_TRUE[ForecastTarget.FIRST_PR], "got no first PR"),
)
KINDS = {
    f"{question.target}-{name}": (question, kind) for question in QUESTIONS for name, kind in question.kinds.items()
}
"""All kinds of cases by the name that addresses have, such as ``quiet-top-10``."""
