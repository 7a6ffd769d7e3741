"""How fresh each feed is, by its runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, Q, QuerySet

from customers.feeds.declarations import FEEDS
from customers.models import FeedName, ImportRun


@dataclass(frozen=True)
class FeedState:
    """A feed's newest loaded run, and its newest ended attempt where that one did not load."""

    name: FeedName
    file: str
    required: bool
    loaded: ImportRun | None
    trouble: ImportRun | None

    @property
    def label(self) -> str:
        """Return the feed's name as pages show it."""
        return str(self.name.label)


def feed_states() -> list[FeedState]:
    """Say of each feed how fresh it is, and what went wrong with it last; one query."""
    runs = ImportRun.objects.order_by()
    accepted = runs.accepted().values("feed").annotate(run=Max("pk")).values("run")
    ended = runs.of_files().filter(undoes=None).exclude(status=ImportRun.Status.RUNNING)
    latest = ended.values("feed").annotate(run=Max("pk")).values("run")
    wanted: QuerySet[ImportRun] = runs.filter(Q(pk__in=accepted) | Q(pk__in=latest)).order_by("pk")
    loaded: dict[str, ImportRun] = {}
    last: dict[str, ImportRun] = {}
    for run in wanted.annotate(is_accepted=Q(pk__in=accepted)):
        last[run.feed] = run
        if run.is_accepted:
            loaded[run.feed] = run
    return [
        FeedState(feed.name, feed.file_name, feed.required, loaded.get(name), _trouble(last.get(name)))
        for name, feed in FEEDS.items()
    ]


def _trouble(run: ImportRun | None) -> ImportRun | None:
    return run if run and run.status != ImportRun.Status.LOADED else None


def oldest_required(feeds: Sequence[FeedState]) -> datetime | None:
    """Return when the stalest of the required feeds was loaded; None where one of them never was."""
    loaded = [feed.loaded for feed in feeds if feed.required]
    return min(run.started_at for run in loaded if run) if all(loaded) else None
