"""Sentry and a collector of traces over real HTTP, which keep what they are told."""

import gzip
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.webhook_receiver import Received, Receiver, receiving

SECONDS = 30


def unpacked(one: Received) -> bytes:
    """The body of a request."""
    return gzip.decompress(one.body) if one.headers.get("Content-Encoding") == "gzip" else one.body


@dataclass
class Watcher:
    """What it was told."""

    receiver: Receiver

    @property
    def port(self) -> int:
        return self.receiver.port

    @property
    def told(self) -> list[Received]:
        """Every request."""
        return self.receiver.received

    @property
    def text(self) -> str:
        """All bytes of all requests, as letters."""
        return "\n".join(f"{one.path} {one.headers} {unpacked(one)!r}" for one in self.told)

    def events(self) -> list[dict[str, Any]]:
        """What Sentry has of events: the parts of an envelope are lines, each event behind its head."""
        found = []
        for one in self.told:
            lines = unpacked(one).decode().splitlines()[1:]
            heads = [json.loads(line) for line in lines[::2]]
            found += [
                json.loads(body) for head, body in zip(heads, lines[1::2], strict=True) if head["type"] == "event"
            ]
        return found

    def spans(self) -> list[tuple[str, dict[str, Any], Any]]:
        """What a collector has of spans: name, attributes, and the span itself."""
        found = []
        for one in self.told:
            for group in ExportTraceServiceRequest.FromString(unpacked(one)).resource_spans:
                for span in (span for scope in group.scope_spans for span in scope.spans):
                    attributes = {
                        each.key: each.value.string_value or each.value.int_value for each in span.attributes
                    }
                    found.append((span.name, attributes, span))
        return found

    def wait(self, number: int) -> None:
        """Wait until it was told so often."""
        until = time.monotonic() + SECONDS
        while len(self.told) < number:
            assert time.monotonic() < until, self.text
            time.sleep(0.05)


@contextmanager
def watching() -> Iterator[Watcher]:
    """One that takes whatever comes."""
    with receiving() as receiver:
        yield Watcher(receiver)
