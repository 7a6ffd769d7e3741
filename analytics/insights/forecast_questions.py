"""What is asked of the forecasts' back-tests, in words, and which of the cases each of its figures counts."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Max, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from analytics.forecast.bands import CAME_TRUE, DEFINITIONS
from analytics.models import TOPS, ForecastCase, ForecastTarget
from customers.text.say import Words, say_later, say_n

PARTS: Mapping[str, Words] = {"acted": _("Somebody acted"), "not_acted": _("Nobody acted")}


@dataclass(frozen=True)
class CaseKind:
    """Some of the cases with a forecast: what they are called, and the condition that they meet."""

    label: Words
    condition: Q


def _newest_cases(target: ForecastTarget) -> QuerySet[ForecastCase, int]:
    """Return the keys of each customer's newest case with a forecast: months are stored one after the other."""
    known = ForecastCase.objects.of(target).forecast().order_by().values("customer")
    return known.annotate(newest=Max("pk")).values_list("newest", flat=True)


@dataclass(frozen=True)
class Question:
    """A forecast, and in words what is said of those for whom it came true, or did not; all sentences are whole.

    ``flagged`` and ``missed`` have a ``{size}``: of the most likely of each month.
    """

    target: ForecastTarget
    stayed: Words
    all_who: Words
    of_all_who: Words
    of_those: Words
    acted: Words
    not_acted: Words
    flagged: Mapping[int, Words]
    missed: Mapping[int, Words]

    @property
    def came_true(self) -> Words:
        """What is said of those for whom it did."""
        return CAME_TRUE[self.target]

    def count_of_true(self, number: int) -> str:
        """Say for how many it came true."""
        if self.target == ForecastTarget.QUIET:
            return say_n("{number} went quiet", "{number} went quiet", number)
        return say_n("{number} got a first PR", "{number} got a first PR", number)

    @property
    def about(self) -> Words:
        """What is forecast of whom."""
        return DEFINITIONS[self.target]

    @property
    def kinds(self) -> Mapping[str, CaseKind]:
        """The kinds of cases that a figure of the page counts, by name."""
        true = Q(came_true=True)
        kinds = {
            "all": CaseKind(_("All forecasts"), Q()),
            "true": CaseKind(self.all_who, true),
            "customers": CaseKind(_("The newest forecast of each customer"), Q(pk__in=_newest_cases(self.target))),
        }
        for size in TOPS:
            flagged, label = Q(rank__lte=size), say_later("The {size} most likely of each month", size=size)
            missed = Q(rank=None) | Q(rank__gt=size)
            kinds |= {
                f"top-{size}": CaseKind(label, flagged),
                f"top-{size}-true": CaseKind(self.flagged[size], flagged & true),
                f"top-{size}-missed": CaseKind(self.missed[size], missed & true),
            }
        if self.target == ForecastTarget.QUIET:
            kinds["flagged"] = CaseKind(_("Silences flagged"), Q(lead_days__isnull=False))
        for name, of_whom in PARTS.items():
            part = Q(acted=name == "acted")
            of_part = self.acted if name == "acted" else self.not_acted
            kinds |= {name: CaseKind(of_whom, part), f"{name}-true": CaseKind(of_part, part & true)}
        return kinds


QUESTIONS = (
    Question(
        ForecastTarget.QUIET,
        stayed=_("stayed active"),
        all_who=_("All who went quiet"),
        of_all_who=_("Of all who went quiet"),
        of_those=_("Of those we gave this chance, how many went quiet"),
        acted=_("Somebody acted: went quiet"),
        not_acted=_("Nobody acted: went quiet"),
        flagged={one: say_later("The {size} most likely of each month who went quiet", size=one) for one in TOPS},
        missed={one: say_later("All who went quiet, without the {size}", size=one) for one in TOPS},
    ),
    Question(
        ForecastTarget.FIRST_PR,
        stayed=_("got no first PR"),
        all_who=_("All who got a first PR"),
        of_all_who=_("Of all who got a first PR"),
        of_those=_("Of those we gave this chance, how many got a first PR"),
        acted=_("Somebody acted: got a first PR"),
        not_acted=_("Nobody acted: got a first PR"),
        flagged={one: say_later("The {size} most likely of each month who got a first PR", size=one) for one in TOPS},
        missed={one: say_later("All who got a first PR, without the {size}", size=one) for one in TOPS},
    ),
)
KINDS = {
    f"{question.target}-{name}": (question, kind) for question in QUESTIONS for name, kind in question.kinds.items()
}
"""All kinds of cases by the name that addresses have, such as ``quiet-top-10``."""
