"""Requests of schemathesis: aimed at rows that are there, and what must hold of the answers."""

import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import schemathesis
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS

from analytics.models import Playbook, Report, Task
from customers.models import ImportRun

DESCRIPTION: Path = settings.BASE_DIR / "docs" / "openapi.yaml"
NOT_ASKED = ("positive_data_acceptance", "ignored_auth")
"""What a form refuses no description says, nor that a cursor must be one of ours; and each request shows a token."""


@schemathesis.serializer("application/x-ndjson")
def as_lines(_context: schemathesis.SerializationContext, value: object) -> bytes:
    """A body of several lines, each of them JSON."""
    return b"".join(json.dumps(one).encode() + b"\n" for one in (value if isinstance(value, list) else [value]))


def rows_to_aim_at() -> dict[str, str]:
    """The key of a row of each kind, by the word that stands before it in an address; the rows are made."""
    task, _made = Task.objects.get_or_create(customer_id="c1001", what="Call them", due="2025-05-12")
    report, _made = Report.objects.get_or_create(name="Everybody", shared=True)
    run = ImportRun.objects.earliest("pk")
    playbook = Playbook.objects.earliest("pk")
    return {
        "customers": "c1001",
        "tasks": str(task.pk),
        "reports": str(report.pk),
        "runs": str(run.pk),
        "playbooks": str(playbook.pk),
    }


def aim_at(case: Case, rows: dict[str, str]) -> None:
    """Let every second request that the description allows name a row that is there: by what else it asks."""
    is_second = zlib.crc32(repr((case.path_parameters, case.query, case.body)).encode()) % 2
    is_allowed = case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE
    kind = case.operation.path.removeprefix("/api/v1/").partition("/")[0]
    if is_second and is_allowed and "id" in case.path_parameters and kind in rows:
        case.path_parameters["id"] = rows[kind]


def check(case: Case, secret: str) -> None:
    """Ask; raise where the answer is a fault, or is not described."""
    excluded = [CHECKS.get_one(name) for name in NOT_ASKED]
    with connection_kept():
        case.call_and_validate(headers={"X-Api-Key": secret}, excluded_checks=excluded)


@contextmanager
def connection_kept() -> Iterator[None]:
    """Let a request end without the connection whose transaction is the test's, as Django's own client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)
