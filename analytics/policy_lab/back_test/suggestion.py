"""Suggest weights: learn from the earlier month ends what each component says about going quiet; never publish."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

from django.utils import timezone
from django.utils.translation import gettext

from analytics.models import FEWEST_OUTCOMES, HORIZON, MAXIMA, ScoringPolicy
from analytics.policy_lab.back_test.trials import WHOLE, MonthCases, PolicyBackTest
from analytics.rounding import half_up
from customers.text.say import english, say

FEWEST_MONTHS = 3
"""One month end is judged for each two that are learnt from."""


class NothingToSuggest(Exception):
    """No weights can be suggested; the message says why."""


def suggest(asked: PolicyBackTest, by: str) -> ScoringPolicy:
    """Make and return a draft with suggested weights, all else as in the tested one; raises ``NothingToSuggest``.

    Its own back-test counts the month ends alone that it was not learnt from.
    """
    months = asked.cases()
    if len(months) < len(asked.days):
        raise NothingToSuggest(gettext("Back-test the draft first: weights are learnt from what that finds."))
    learnt = learnt_from(list(months))
    points = whole_points(_weights({day: months[day] for day in learnt}))
    if points == asked.draft.maxima:
        raise NothingToSuggest(gettext("The draft has the weights already that would be suggested."))
    draft = ScoringPolicy(
        name=_free_name(asked.draft.name),
        state=ScoringPolicy.State.DRAFT,
        made_by=by,
        made_at=timezone.now(),
        copied_from=asked.draft,
        cohorts=asked.draft.cohorts,
        stages=asked.draft.stages,
        learnt_through=learnt[-1],
        **{**asked.draft.numbers, **_numbers(asked.draft, points)},
    )
    draft.full_clean()
    draft.save()
    return draft


def learnt_from(days: list[date]) -> list[date]:
    """Return the month ends to learn from, the oldest first: those whose outcomes were known at the first judged one.

    The newest third is judged. Raises ``NothingToSuggest`` where there are too few.
    """
    first_judged = days[-(len(days) // 3)] if len(days) >= FEWEST_MONTHS else None
    learnt = [day for day in days if first_judged and day + timedelta(days=HORIZON) <= first_judged]
    if not learnt:
        raise NothingToSuggest(
            say(
                "It takes {fewest} month ends with known outcomes; there are {number}.",
                fewest=FEWEST_MONTHS,
                number=len(days),
            )
        )
    return learnt


def _weights(months: Mapping[date, MonthCases]) -> dict[str, float]:
    """Return by component how much all of its points say against going quiet, nothing where they say the opposite."""
    # scikit-learn: no page pays for the import.
    import numpy as np

    from analytics.forecast.learning import LearningRows, fit
    from analytics.policy_lab.back_test.figures import Population

    by_draft = np.concatenate([np.array(one.by_draft, np.bool_) for one in months.values()])
    who, when, went_quiet = Population.of(months)
    names = tuple(MAXIMA)
    columns = [np.concatenate([np.array(one.shares[name], float) for one in months.values()]) for name in names]
    features = np.column_stack(columns) / WHOLE
    rows = LearningRows(who[by_draft], when[by_draft], features[by_draft], went_quiet[by_draft])
    if rows.rarer < FEWEST_OUTCOMES:
        raise NothingToSuggest(
            say(
                "Too few outcomes to learn from: it takes {fewest} customers who went quiet, and as many who did not, "
                "up to {day}.",
                fewest=FEWEST_OUTCOMES,
                day=max(months),
            )
        )
    model = fit(names, rows)
    told = zip(names, model.coefficients, model.scales, strict=True)
    weights = {name: max(0.0, -coefficient / scale) for name, coefficient, scale in told}
    if not any(weights.values()):
        raise NothingToSuggest(
            gettext("No component says anything about going quiet, so there is nothing to suggest.")
        )
    return weights


def whole_points(weights: Mapping[str, float]) -> dict[str, int]:
    """Return whole maximum points that add up to 100, in proportion to weights of which one is above 0.

    What a component can only have in steps, as adoption has for its four, is rounded to those first; the others
    share the rest by the largest remainders.
    """
    in_steps = {name: times for name, (_field, times) in MAXIMA.items() if times > 1}
    points = {name: _in_steps(100 * weights[name] / sum(weights.values()), step) for name, step in in_steps.items()}
    free = {name: weight for name, weight in weights.items() if name not in points}
    left, whole = 100 - sum(points.values()), sum(free.values())
    exact = {name: left * weight / whole if whole else 0.0 for name, weight in free.items()}
    points |= {name: int(value) for name, value in exact.items()}
    most_left = sorted(exact, key=lambda name: int(exact[name]) - exact[name])
    for name in most_left[: 100 - sum(points.values())]:
        points[name] += 1
    return {name: points[name] for name in weights}


def _in_steps(points: float, step: int) -> int:
    return int(points / step + 0.5) * step


def _numbers(draft: ScoringPolicy, points: Mapping[str, int]) -> dict[str, int | Decimal]:
    """Return the numbers of a policy with other maximum points, what a day or a request counts in proportion."""
    numbers: dict[str, int | Decimal] = {field: points[name] // times for name, (field, times) in MAXIMA.items()}
    if points["activity"] and draft.activity_max:
        a_day = half_up(draft.activity_points_per_day * points["activity"], draft.activity_max)
        numbers["activity_points_per_day"] = max(a_day, 1)
    if points["support"] and draft.support_max:
        lost = Decimal(draft.support_points_per_request) * points["support"] / draft.support_max
        numbers["support_points_per_request"] = min(lost.quantize(Decimal("0.01")), Decimal("99.99"))
    return numbers


def _free_name(name: str) -> str:
    """Return a name for a suggestion that no policy has."""
    taken = set(ScoringPolicy.objects.values_list("name", flat=True))
    most = ScoringPolicy._meta.get_field("name").max_length or 0
    number = 1
    while True:
        end = english(", suggested weights") + (f" {number}" if number > 1 else "")
        found = name[: most - len(end)] + end
        if found not in taken:
            return found
        number += 1
