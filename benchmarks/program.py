"""A large made-up program as CSV files: believable rows, the same ones every time."""

import random
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path

FIRST_DAY = date(2025, 1, 1)
HEADERS = {
    "customers": "id,email,organization,github_username,signup_date,cohort,industry,team_size,status",
    "onboarding": (
        "id,customer_id,welcome_email_sent,account_created,github_action_installed,first_issue_tagged,"
        "first_pr_generated,completed_date,days_to_complete,blocker_type,notes"
    ),
    "engagement": "id,customer_id,date,issues_tagged,prs_generated,prs_merged,prs_rejected,support_requests",
}


def write(folder: Path, feed: str, lines: Iterable[str]) -> Path:
    """One feed's file in ``folder``."""
    path = folder / f"{feed}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(HEADERS[feed] + "\n")
        file.writelines(f"{line}\n" for line in lines)
    return path


def customers(count: int) -> Iterator[str]:
    """``count`` customers, signed up over the first 90 days."""
    for number in range(count):
        signup = FIRST_DAY + timedelta(days=number % 90)
        cohort = ("VIP", "Early Access", "Beta", "")[number % 4]
        yield (
            f"c{number:06},team{number}@customer{number}.example,Customer {number} Ltd,customer-{number},"
            f"{signup},{cohort},SaaS,{number % 300},active"
        )


def onboarding(count: int) -> Iterator[str]:
    """Their onboarding; every third is done, every tenth blocked."""
    for number in range(count):
        done = number % 3 == 0
        steps = ["true" if done or step < number % 5 else "false" for step in range(5)]
        blocker = "github_config" if number % 10 == 1 else ""
        yield f"o{number:06},c{number:06},{','.join(steps)},,,{blocker},"


def engagement(rows: int, of_customers: int, *, first: int = 0, seed: int = 1, per_day: int = 10_000) -> Iterator[str]:
    """``rows`` rows from number ``first`` on, ``per_day`` of them a day: a million are a hundred days."""
    chance = random.Random(seed)
    for number in range(first, first + rows):
        day = FIRST_DAY + timedelta(days=number // per_day)
        counters = [chance.randrange(6), chance.randrange(4), chance.randrange(3), chance.randrange(2)]
        support = int(chance.random() < 0.05)
        yield (f"e{number:08},c{chance.randrange(of_customers):06},{day},{','.join(map(str, counters))},{support}")


def some(rows: int, count: int) -> list[int]:
    """``count`` places among ``rows``, in their order."""
    return sorted(random.Random(2).sample(range(rows), count))


def changed(line: str) -> str:
    """A row of engagement with another number of support requests."""
    return line.rsplit(",", 1)[0] + ",7"


def spoilt(line: str, number: int) -> tuple[str, list[str]]:
    """A row of engagement with a fault, another one for each ``number``, and the reasons that must be given."""
    key, customer, day, *counters = line.split(",")
    match number % 5:
        case 0:
            slashed = day.replace("-", "/")
            reason = f"date: '{slashed}' is not a date of the form YYYY-MM-DD"
            return ",".join([key, customer, slashed, *counters]), [reason]
        case 1:
            counters[0], counters[3] = "-1", "3.5"
            return ",".join([key, customer, day, *counters]), [
                "issues_tagged: '-1' is not a whole number (digits only)",
                "prs_rejected: '3.5' is not a whole number (digits only)",
            ]
        case 2:
            return f"{line},0", ["row: has 9 cells, the header has 8: is there a comma in a text without quotes?"]
        case 3:
            return ",".join([key, "c999999", day, *counters]), ["customer_id: there is no customer c999999"]
        case _:
            return ",".join(["", customer, day, *counters]), ["id: is required, but blank"]
