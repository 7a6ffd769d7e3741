"""A second demo program: some 150 customers over 14 months, each with a way of its own, the same on each machine.

They grow, stay steady, come once a month, rest in a season, work in sprints, fade, stop, or never begin: a forecast
has something to learn from, and some to miss. The twelve customers of ``fixtures/`` are among them.
"""

import csv
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from math import exp
from pathlib import Path
from random import Random

from customers.feeds.declarations import CUSTOMERS, ENGAGEMENT, EVENTS, FEEDBACK, FEEDS, ONBOARDING
from customers.models import Step
from customers.text.say import english

NEW_CUSTOMERS = 140
DAYS = 425
_SEED = 5
_WEEKEND = 0.25
"""On a Saturday or a Sunday a customer is active so many times as often as on another day."""

_FIRST = english(
    "Amber Birch Cobalt Delta Ember Fjord Granite Harbor Indigo Juniper "
    "Kestrel Lumen Meridian Nimbus Opal Prairie Quarry Ridge Sable Tundra"
).split()
_SECOND = english("Analytics Freight Health Labs Payments Robotics Software").split()
_INDUSTRIES = english("FinTech Healthcare Logistics Retail SaaS Games Energy").split()
_COHORTS = english("Early Access,Early Access,Early Access,VIP,Beta,").split(",")
_BLOCKERS = ("github_permissions", "github_config", "security_review", "sso_login", "budget_freeze")
_GOOD = english("Saves each of us an hour a week.|Setup took ten minutes.|||The pull requests read like ours.").split(
    "|"
)
_BAD = english(
    "Too many pull requests that we cannot merge.|We have no time to look at it.||Slow on our monorepo."
).split("|")


@dataclass(frozen=True)
class Way:
    """How likely a customer is active on a day: by its age, its last one, the date, and a pace of its own."""

    name: str
    share: float
    chance: Callable[[int, int, date, float], float]
    is_content: bool = True
    ends: bool = False


def _fading(age: int, end: int, day: date, pace: float) -> float:
    """Half as often every month in the last quarter before the end."""
    return pace * exp(-max(0, age - end + 90) / 43)


def _monthly(age: int, end: int, day: date, pace: float) -> float:
    return 0.8 if day.day <= 3 else 0.02


def _seasonal(age: int, end: int, day: date, pace: float) -> float:
    """Away in the summer and about the turn of the year."""
    return 0.02 if day.month in (7, 8) or (day.month, day.day) >= (12, 15) or (day.month, day.day) <= (1, 8) else pace


def _sprints(age: int, end: int, day: date, pace: float) -> float:
    """Fifty days of work, then five weeks away."""
    return max(pace, 0.3) if (age + int(pace * 100)) % 85 < 50 else 0.0


NEVER_BEGUN = english("never begun")
WAYS = (
    Way("growing", 0.17, lambda age, end, day, pace: min(0.9, 0.15 + age / 400 + pace / 3)),
    Way("steady", 0.15, lambda age, end, day, pace: pace),
    Way("monthly", 0.08, _monthly),
    Way("seasonal", 0.08, _seasonal),
    Way(english("in sprints"), 0.12, _sprints),
    Way("fading", 0.22, _fading, is_content=False, ends=True),
    Way("stopping", 0.13, lambda age, end, day, pace: pace, is_content=False, ends=True),
    Way(NEVER_BEGUN, 0.05, lambda age, end, day, pace: 0.0, is_content=False),
)

Rows = Mapping[str, list[dict[str, object]]]


def add_customers(folder: Path, last: date) -> None:
    """Append the customers' rows to the five files of a folder; their newest are of the day ``last``."""
    rows: defaultdict[str, list[dict[str, object]]] = defaultdict(list)
    random = Random(_SEED)  # noqa: S311 - a demo, no secret
    names = [f"{first} {second}" for first in _FIRST for second in _SECOND]
    for number, name in enumerate(random.sample(names, NEW_CUSTOMERS)):
        DemoCustomer(f"c{2_001 + number}", name, last, random).tell(rows)
    for feed in FEEDS.values():
        with (folder / feed.file_name).open("a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, feed.column_names, lineterminator="\n", restval="")
            kind = feed.name.value
            for number, row in enumerate(rows[kind]):
                writer.writerow({"id": f"{kind[0]}{200_000 + number}", **row})


class DemoCustomer:
    """One customer: drawn once, then told as rows of the five feeds."""

    def __init__(self, key: str, name: str, last: date, random: Random) -> None:
        self._key, self._name, self._last, self._random = key, name, last, random
        [self._way] = random.choices(WAYS, [way.share for way in WAYS])
        self._signup = last - timedelta(days=DAYS - int(random.betavariate(1, 3) * (DAYS - 8)))
        self._age = (last - self._signup).days
        self._pace = random.betavariate(2, 3)
        self._end = random.randint(90, 420) if self._way.ends else 10_000
        done, day = 2, self._signup
        self._steps: dict[str, date] = {}
        while done <= len(Step) and day <= last:
            self._steps = {step.value: self._steps.get(step.value, day) for step in [*Step][:done]}
            done, day = done + 1, day + timedelta(days=random.randint(1, 9))
        if self._way.name == NEVER_BEGUN or random.random() < 0.12:
            self._steps = dict([*self._steps.items()][: random.randint(1, 3)])

    def tell(self, rows: Rows) -> None:
        """Add all that is known of it."""
        rows[CUSTOMERS.name.value].append(self._customer())
        rows[ONBOARDING.name.value].append(self._onboarding())
        rows[EVENTS.name.value].extend(self._events())
        rows[FEEDBACK.name.value].extend(self._feedback())
        rows[ENGAGEMENT.name.value].extend(self._engagement())

    def _customer(self) -> dict[str, object]:
        random, slug = self._random, self._name.lower().replace(" ", "-")
        over = self._way.ends and self._age - self._end > 120 and random.random() < 0.5
        return {
            "id": self._key,
            "email": f"team@{slug}.example",
            "organization": self._name,
            "github_username": slug,
            "signup_date": self._signup,
            "cohort": random.choice(_COHORTS),
            "industry": random.choice(_INDUSTRIES),
            "team_size": int(random.lognormvariate(3, 0.8)) + 2,
            "status": "churned" if over else "active",
        }

    def _onboarding(self) -> dict[str, object]:
        is_done = len(self._steps) == len(Step)
        completed = max(self._steps.values()) if is_done else None
        return {
            "customer_id": self._key,
            **{step.value: "true" if step.value in self._steps else "false" for step in Step},
            "completed_date": completed or "",
            "days_to_complete": (completed - self._signup).days if completed else "",
            "blocker_type": "" if is_done or self._random.random() < 0.3 else self._random.choice(_BLOCKERS),
        }

    def _events(self) -> Iterator[dict[str, object]]:
        for step, day in self._steps.items():
            yield {"customer_id": self._key, "date": day, "kind": step, "detail": Step(step).label}

    def _feedback(self) -> Iterator[dict[str, object]]:
        for age in range(self._random.randint(30, 90), min(self._age, self._end), 90):
            good = self._random.random() < (0.85 if self._way.is_content else 0.4)
            yield {
                "customer_id": self._key,
                "date": self._signup + timedelta(days=age),
                "nps": self._random.randint(8, 10) if good else self._random.randint(2, 7),
                "csat": self._random.randint(4, 5) if good else self._random.randint(1, 3),
                "comment": self._random.choice(_GOOD if good else _BAD),
            }

    def _engagement(self) -> Iterator[dict[str, object]]:
        begins = self._steps.get(Step.FIRST_ISSUE.value)
        may_generate = self._steps.get(Step.FIRST_PR.value)
        if begins is None:
            return
        for age in range((begins - self._signup).days, min(self._age, self._end) + 1):
            day = self._signup + timedelta(days=age)
            chance = self._way.chance(age, self._end, day, self._pace) * (_WEEKEND if day.weekday() > 4 else 1)
            # On the days of the steps something was done, whatever the way.
            if day not in (begins, may_generate) and self._random.random() >= chance:
                continue
            yield self._day(day, can_generate=may_generate is not None and day >= may_generate)

    def _day(self, day: date, *, can_generate: bool) -> dict[str, object]:
        random = self._random
        generated = random.choice((0, 1, 1, 2, 3)) if can_generate else 0
        generated = max(generated, int(day == self._steps.get(Step.FIRST_PR.value)))
        merged = sum(random.random() < (0.8 if self._way.is_content else 0.5) for _number in range(generated))
        asks = random.random() < (0.05 if self._way.is_content else 0.15)
        return {
            "customer_id": self._key,
            "date": day,
            "issues_tagged": random.choice((1, 1, 2, 2, 3, 5)),
            "prs_generated": generated,
            "prs_merged": merged,
            "prs_rejected": sum(random.random() < 0.5 for _number in range(generated - merged)),
            "support_requests": int(asks),
        }
