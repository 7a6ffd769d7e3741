"""Programs as arrays for the tests of forecasts: what a customer did is a list of days."""

from collections.abc import Sequence
from datetime import date

import numpy as np

from analytics.forecast.program import Program, program_of
from customers.models import Customer, Engagement, ImportRun


def program(*active: Sequence[int], **overrides: Sequence[int]) -> Program:
    """Make a program of customers ``c0``, ``c1`` ...: on each of their days, which may stand twice, one issue."""
    rows = [np.array([(day, 1, 0) for day in days], np.int64).reshape(-1, 3) for days in active]
    signups = [min(days, default=1) for days in active]
    return program_of([f"c{place}" for place in range(len(active))], signups, rows, **overrides)


def simulated(customers: int, days: int, seed: int, first: int = 1_000) -> Program:
    """Make customers who are active in bursts, each at a pace of its own, until some of them stop for good."""
    rng = np.random.default_rng(seed)
    active = []
    for _place in range(customers):
        pace, stop, start, end = rng.beta(1.2, 2), rng.beta(1, 8) / 2, rng.beta(1, 10) * 0.6, rng.exponential(400)
        on, own = True, []
        for day in range(int(rng.integers(0, days // 2)), days):
            if day > end:
                break
            on = rng.random() > stop if on else rng.random() < start
            if on and rng.random() < pace:
                own.append(first + day)
        active.append(own or [first])
    return program(*active)


def store(known: Program, run: ImportRun) -> None:
    """Put the customers and their active days into the database."""
    line = {"run_id": run.pk, "line": 2}
    Customer.objects.bulk_create(
        Customer(id=key, organization=key, signup_date=date.fromordinal(signup), status="active", **line)
        for key, signup in zip(known.keys, known.signups.tolist(), strict=True)
    )
    owners = np.repeat(known.everybody, known.lengths).tolist()
    Engagement.objects.bulk_create(
        (
            Engagement(id=f"e{at}", customer_id=known.keys[place], date=date.fromordinal(day), issues_tagged=1, **line)
            for at, (place, day) in enumerate(zip(owners, known.days.tolist(), strict=True))
        ),
        batch_size=1_000,
    )
