"""All metrics in the order of an answer, whatever of them cannot be read."""

import logging
import platform
from collections.abc import Callable, Iterable, Iterator
from functools import cache

import django
from django.db import Error, connection
from prometheus_client.metrics_core import InfoMetricFamily, Metric

from customers.core.database_errors import is_unavailable
from customers.core.storage import areas
from rsolv_cs.monitoring import database, feeds, nights, portfolio, processes, queues, shared
from rsolv_cs.monitoring.family import gauge, single
from rsolv_cs.version import application_version

logger = logging.getLogger(__name__)

PARTS: dict[str, Callable[[], Iterable[Metric]]] = {
    "database": database.database_families,
    "nights": nights.night_families,
    "feeds": feeds.feed_families,
    "queues": queues.queue_families,
    "portfolio": portfolio.portfolio_families,
}
"""What is read from the database; the first part says whether that answers."""


class Exposition:
    """What prometheus_client writes."""

    def collect(self) -> Iterator[Metric]:
        """Yield every family; where the database is down, those that need none."""
        yield _build()
        counts, living = shared.counted_families()
        yield from counts
        yield from processes.process_families(living)
        yield from database.replica_families()
        yield single("rsolv_storage_writable", "0 where shared files cannot be written.", not areas.problem())
        yield from _of_state()


def _of_state() -> Iterator[Metric]:
    is_up, failed = True, {}
    for part, families in PARTS.items():
        found: list[Metric] = []
        try:
            if is_up:
                found = list(families())
        except (Error, OSError) as error:
            logger.warning("The metrics of %s cannot be read: %s", part, type(error).__name__)
            is_up = part != "database" and not is_unavailable(error)
            failed[part] = True
        failed.setdefault(part, not is_up)
        yield from found
    yield single(
        "rsolv_database_up", "0 where the database cannot be used: all that is read from it is missing.", is_up
    )
    of = {(part,): float(fault) for part, fault in failed.items()}
    yield gauge(
        "rsolv_scrape_failed", "1 where a part of the metrics could not be read: the log says why.", "part", of=of
    )


@cache
def _build() -> Metric:
    about = {
        "version": application_version(),
        "python": platform.python_version(),
        "django": django.get_version(),
        "database": connection.vendor,
    }
    return InfoMetricFamily("rsolv_build", "What is running.", value=about)
