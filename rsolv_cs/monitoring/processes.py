"""What the system says of our processes, under the names that Prometheus' own libraries use."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from rsolv_cs.monitoring.shared import Process

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_USER, _SYSTEM, _RESIDENT = 11, 12, 21
"""Where these stand in ``/proc/PID/stat`` behind the program's name."""


def process_families(living: Iterable[Process]) -> Iterator[Metric]:
    """Yield what is known of the processes whose numbers are ours to ask for."""
    seconds = CounterMetricFamily("process_cpu_seconds", "Processor time.", labels=["process"])
    memory = GaugeMetricFamily("process_resident_memory_bytes", "Memory in use.", labels=["process"])
    files = GaugeMetricFamily("process_open_fds", "Open files and connections.", labels=["process"])
    for process in living:
        folder = Path(f"/proc/{process.pid}")
        try:
            told = (folder / "stat").read_bytes().rpartition(b")")[2].split() if process.pid else []
            opened = sum(1 for _one in (folder / "fd").iterdir()) if told else 0
        except OSError:
            # It has ended meanwhile.
            continue
        if told:
            seconds.add_metric([process.place], (int(told[_USER]) + int(told[_SYSTEM])) / _TICKS)
            memory.add_metric([process.place], int(told[_RESIDENT]) * _PAGE_BYTES)
            files.add_metric([process.place], opened)
    yield from (seconds, memory, files)
