"""The files of several processes, added up.

prometheus_client's own collector reads anew what each number is of, for every process and scrape; here that is kept,
and a scrape takes a third of the time. All that we count is a sum over the processes.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict

_MOST_KEYS = 50_000
_BOUND = "le"
Labels = tuple[tuple[str, str], ...]


def merged(paths: Iterable[Path]) -> Iterator[Metric]:
    """Yield the families of all files, each with the sums of what the files have."""
    sums: dict[tuple[str, str], float] = defaultdict(float)
    for path in paths:
        kind = path.name.partition("_")[0]
        # The numbers of a process that lived go with it, perhaps just now.
        with suppress(FileNotFoundError):
            for key, value, _timestamp, _position in MmapedDict.read_all_values_from_file(str(path)):
                sums[kind, key] += value
    families: dict[str, Metric] = {}
    buckets: dict[tuple[str, Labels], list[tuple[float, str, float]]] = defaultdict(list)
    for (kind, key), value in sums.items():
        family, sample, labels, what = _read(key)
        metric = families.setdefault(family, Metric(family, what, kind))
        if bound := dict(labels).get(_BOUND):
            buckets[family, tuple(one for one in labels if one[0] != _BOUND)].append((float(bound), bound, value))
        else:
            metric.add_sample(sample, dict(labels), value)
    for (family, labels), counts in buckets.items():
        _accumulate(families[family], dict(labels), counts)
    yield from families.values()


@lru_cache(_MOST_KEYS)
def _read(key: str) -> tuple[str, str, Labels, str]:
    """What a number is of: its family, its sample, its labels, and what it says."""
    family, sample, labels, what = json.loads(key)
    return family, sample, tuple(sorted(labels.items())), what


def _accumulate(metric: Metric, labels: dict[str, str], counts: list[tuple[float, str, float]]) -> None:
    """Add the buckets of a histogram: files have how many are in each, and an answer how many are below each bound."""
    below = 0.0
    for _bound, text, value in sorted(counts):
        below += value
        metric.add_sample(f"{metric.name}_bucket", {**labels, _BOUND: text}, below)
    metric.add_sample(f"{metric.name}_count", labels, below)
