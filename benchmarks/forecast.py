"""How good the forecast of going quiet is beside other methods, and how long it takes: ``make bench-forecast``.

Good: rolling origin on made-up programs whose truth is known, each method taught by what was known at the origin. Two
programs are of one kind of behaviour, bursts and dropping out as BG/NBD has it; the third is the large demo's mixture.
Fast: the command, its start included, on both databases, with the program of ``program.py``.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import django
import numpy as np

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rsolv_cs.settings")
os.environ.setdefault("DEBUG", "1")
django.setup()

from scipy.optimize import minimize  # noqa: E402
from scipy.special import betaln, gammaln  # noqa: E402
from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: E402

from analytics.forecast.accuracy import auc  # noqa: E402
from analytics.forecast.learning import LearningRows, fit, learning_rows, probabilities  # noqa: E402
from analytics.forecast.program import Floats, Ints, Program  # noqa: E402
from analytics.forecast.quiet import QUIET  # noqa: E402
from analytics.models.forecasts import HORIZON  # noqa: E402
from benchmarks import program as made_up  # noqa: E402
from benchmarks.pages import SIZES, Installation, new_database, row, verdict, write_program  # noqa: E402
from rsolv_cs.operations import large_program  # noqa: E402
from tests.support.programs import program, simulated  # noqa: E402

SEEDS = range(1, 4)
ORIGINS_FROM = 150
FIT = {10_000: (6, 500), 100_000: (30, 900)}
"""Aims by customers: seconds and MiB to fit and forecast a date."""
AGAIN = {10_000: 1.5}
"""Seconds for a date with a model that is there."""

Method = Callable[[Program, LearningRows, Ints, Ints, int], Floats]


# --- Programs -----------------------------------------------------------------------------------------------------


def dropping_out(customers: int, days: int, seed: int) -> Program:
    """Customers as BG/NBD has them: a rate of their own, and a chance to drop out after each active day."""
    rng, active = np.random.default_rng(seed), []
    for _place in range(customers):
        rate, drop = rng.gamma(0.6, 1 / 12), rng.beta(0.8, 6)
        day = float(rng.integers(0, days // 3))
        own = [1_000 + int(day)]
        while rng.random() > drop:
            day += rng.exponential(1 / rate)
            if day >= days:
                break
            own.append(1_000 + int(day))
        active.append(own)
    return program(*active)


def of_the_demo(seed: int) -> Program:
    """The mixture of ways of the large demo program, drawn anew."""
    random, last = large_program.Random(seed), date(2026, 11, 28)
    rows: defaultdict[str, list[dict[str, object]]] = defaultdict(list)
    for number in range(large_program.NEW_CUSTOMERS):
        large_program.DemoCustomer(f"c{number:04}", f"Customer {number}", last, random).tell(rows)
    active: defaultdict[object, list[int]] = defaultdict(list)
    for one in rows["engagement"]:
        active[one["customer_id"]].append(one["date"].toordinal())  # type: ignore[attr-defined]
    return program(*active.values())


PROGRAMS: dict[str, Callable[[int], Program]] = {
    "bursts, 150 customers": lambda seed: simulated(150, 430, seed),
    "dropping out, 1,000 customers": lambda seed: dropping_out(1_000, 430, seed),
    "the demo's mixture": of_the_demo,
}


# --- Methods ------------------------------------------------------------------------------------------------------


def ours(known: Program, rows: LearningRows, who: Ints, when: Ints, origin: int) -> Floats:
    """The forecast as it is."""
    return probabilities(fit(QUIET.features, rows), QUIET.measure(known, who, when))


def base_rate(known: Program, rows: LearningRows, who: Ints, when: Ints, origin: int) -> Floats:
    """The share of the learning rows."""
    return np.full(len(who), rows.came_true.mean())


def recency(known: Program, rows: LearningRows, who: Ints, when: Ints, origin: int) -> Floats:
    """A logistic regression on the days since the last activity."""
    return _logistic(rows, _four(known, rows.who, rows.when)[:, :1], _four(known, who, when)[:, :1])


def four_terms(known: Program, rows: LearningRows, who: Ints, when: Ints, origin: int) -> Floats:
    """A logistic regression on recency, active days in 30 and in all, and age."""
    return _logistic(rows, _four(known, rows.who, rows.when), _four(known, who, when))


def boosting(known: Program, rows: LearningRows, who: Ints, when: Ints, origin: int) -> Floats:
    """Gradient boosting on our features and the four terms."""

    def measured(who: Ints, when: Ints) -> Floats:
        return np.column_stack([QUIET.measure(known, who, when), _four(known, who, when)])

    model = HistGradientBoostingClassifier(max_iter=100, learning_rate=0.05, max_leaf_nodes=8, random_state=1)
    model.fit(measured(rows.who, rows.when), rows.came_true)
    return np.asarray(model.predict_proba(measured(who, when))[:, 1])


def bg_nbd(known: Program, rows: LearningRows, who: Ints, when: Ints, origin: int) -> Floats:
    """Fader and Hardie's BG/NBD, fitted by maximum likelihood to all histories up to the origin."""
    everybody = known.everybody[known.first < origin]
    x, last, age = _history(known, everybody, np.full(len(everybody), origin))

    def cost(logs: Floats) -> float:
        return -float(_likelihood(np.exp(logs), x, last, age).sum())

    near = {"maxiter": 400, "xatol": 1e-2, "fatol": 1e-2}
    found = np.exp(minimize(cost, np.zeros(4), method="Nelder-Mead", options=near).x)
    return _silent(found, *_history(known, who, when))


def _history(known: Program, who: Ints, when: Ints) -> tuple[Floats, Floats, Floats]:
    """Return the repeated active days, the day of the last one and the age, in days from the first one."""
    newest = known.newest_until(who, when)
    return tuple(  # type: ignore[return-value]
        values.astype(float)
        for values in (newest - known.starts[who], known.days[newest] - known.first[who], when - known.first[who])
    )


def _likelihood(found: Floats, x: Floats, last: Floats, age: Floats) -> Floats:
    r, alpha, a, b = found
    common = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - betaln(a, b)
    alive = betaln(a, b + x) - (r + x) * np.log(alpha + age)
    dead = betaln(a + 1, b + x - 1) - (r + x) * np.log(alpha + last)
    return common + np.where(x > 0, np.logaddexp(alive, np.where(x > 0, dead, -np.inf)), alive)


def _silent(found: Floats, x: Floats, last: Floats, age: Floats) -> Floats:
    """Return how probable no activity is in the ``HORIZON`` days after: dead, or alive and silent."""
    r, alpha, a, b = found
    odds = np.where(x > 0, a / (b + x - 1) * ((alpha + age) / (alpha + last)) ** (r + x), 0)
    alive = 1 / (1 + odds)
    return 1 - alive + alive * ((alpha + age) / (alpha + age + HORIZON)) ** (r + x)


def _four(known: Program, who: Ints, when: Ints) -> Floats:
    newest = known.newest_until(who, when)
    in_all = newest - known.starts[who] + 1
    lately = newest - known.newest_until(who, when - 30)
    return np.log1p(np.column_stack([when - known.days[newest], lately, in_all, when - known.first[who]]))


def _logistic(rows: LearningRows, learnt: Floats, asked: Floats) -> Floats:
    names = tuple(map(str, range(learnt.shape[1])))
    return probabilities(fit(names, LearningRows(rows.who, rows.when, learnt, rows.came_true)), asked)


METHODS: dict[str, Method] = {
    "base rate": base_rate,
    "recency": recency,
    "four terms": four_terms,
    "BG/NBD": bg_nbd,
    "boosting": boosting,
    "ours": ours,
}


def compare(known: Program) -> Iterator[tuple[str, float, float, int]]:
    """Yield each method with its AUC, its Brier score and the cases, over an origin each 30 days."""
    said: defaultdict[str, list[Floats]] = defaultdict(list)
    true = []
    for origin in range(int(known.days.min()) + ORIGINS_FROM, int(known.days.max()) - HORIZON, 30):
        rows = learning_rows(known, QUIET, origin)
        when = np.full(len(known), origin)
        who = known.everybody[QUIET.in_population(known, known.everybody, when)]
        if rows.rarer < 10 or not len(who):
            continue
        true.append(QUIET.came_true(known, who, when[: len(who)]))
        for name, method in METHODS.items():
            said[name].append(method(known, rows, who, when[: len(who)], origin))
    came_true = np.concatenate(true)
    for name, parts in said.items():
        probability = np.concatenate(parts)
        yield name, auc(probability, came_true), float(((probability - came_true) ** 2).mean()), len(came_true)


def accuracy() -> None:
    """The table of methods, each the mean over the seeds."""
    print("| program | cases | " + " | ".join(METHODS) + " |")
    print("|---|---:|" + "---:|" * len(METHODS))
    for name, make in PROGRAMS.items():
        found = [list(compare(make(seed))) for seed in SEEDS]
        cells = [
            f"{np.mean([one[place][1] for one in found]):.3f} / {np.mean([one[place][2] for one in found]):.3f}"
            for place in range(len(METHODS))
        ]
        print(f"| {name} | {sum(one[0][3] for one in found):,} | " + " | ".join(cells) + " |")


# --- Speed --------------------------------------------------------------------------------------------------------


def timed(ours: Installation, *command: str) -> tuple[float, float]:
    """Return the seconds and the MiB at most of a run of a command, its start included."""
    begun = time.perf_counter()
    running = subprocess.Popen(
        [sys.executable, "manage.py", *command], env=ours.environment, stdout=subprocess.DEVNULL
    )
    _pid, status, used = os.wait4(running.pid, 0)
    assert status == 0, command
    return time.perf_counter() - begun, used.ru_maxrss / 1024


def write_fading_program(folder: Path, customers: int, rows: int) -> Path:
    """The program of ``program.py``, of whose customers a quarter stop one after the other: silences to learn from."""
    write_program(folder, customers, 0)
    days = rows * 5 // 4 // 10_000
    lines = (line for line in made_up.engagement(rows * 5 // 4, customers) if not _has_stopped(line, days))
    made_up.write(folder, "engagement", lines)
    return folder


def _has_stopped(line: str, days: int) -> bool:
    _key, customer, day, *_counters = line.split(",")
    number = int(customer[1:])
    return number % 4 == 0 and (date.fromisoformat(day) - made_up.FIRST_DAY).days > days * (20 + number % 60) // 100


def speed(databases: list[str], sizes: list[int]) -> None:
    """The rows of each program on each database."""
    row("database, customers", "what", "seconds", "memory", "aim", "")
    print("|---|---|---:|---:|---:|---|")
    with tempfile.TemporaryDirectory(prefix="rsolv-bench-") as name:
        folder = Path(name)
        os.environ["ARCHIVE_DIR"] = str(folder / "archive")
        for size in (SIZES[customers] for customers in sizes):
            files = write_fading_program(folder / str(size.customers), size.customers, size.rows)
            for database in databases:
                with new_database(database, folder) as url:
                    measure(database, url, files, size.customers)


def measure(database: str, url: str, files: Path, customers: int) -> None:
    """Fit and forecast a date, three later ones with that model (its aim is for the work alone), all months' ends."""
    where, ours = f"{database}, {customers:,}", Installation(url)
    ours.manage("migrate", "--verbosity", "0")
    ours.work("load", str(files))
    earlier, *later = [ours.work("score", str(days))["day"] for days in (7, 2, 1, 0)]
    seconds, mib = timed(ours, "forecast", "--fit", "--as-of", earlier)
    most, memory = FIT[customers]
    met = verdict(seconds <= most and mib <= memory)
    row(where, "fit and forecast a date", f"{seconds:.1f}", f"{mib:.0f} MiB", f"<= {most} s, {memory} MiB", met)
    # Django makes the checks of ``check`` before each command.
    start = statistics.median(timed(ours, "check")[0] for _date in later)
    runs = [timed(ours, "forecast", "--as-of", day) for day in later]
    seconds, mib = statistics.median(run[0] for run in runs), max(run[1] for run in runs)
    most = AGAIN.get(customers, "")
    met = verdict(seconds - start <= most) if most else ""
    what = f"a date with a model, after {start:.1f} s to start"
    row(where, what, f"{seconds - start:.1f}", f"{mib:.0f} MiB", f"<= {most} s" if most else "", met)
    seconds, mib = timed(ours, "forecast", "--backtest")
    row(where, "back-test, and store its cases", f"{seconds:.1f}", f"{mib:.0f} MiB", "", "")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, choices=SIZES, action="append")
    parser.add_argument("--database", choices=["SQLite", "PostgreSQL"], action="append")
    alone = parser.add_mutually_exclusive_group()
    alone.add_argument("--accuracy", action="store_true", help="the accuracy alone")
    alone.add_argument("--speed", action="store_true", help="the speed alone")
    options = parser.parse_args()
    if not options.speed:
        accuracy()
        print()
    if not options.accuracy:
        speed(options.database or ["SQLite", "PostgreSQL"], options.customers or list(SIZES))
