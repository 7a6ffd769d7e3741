"""Every address of the project, found by asking the resolver, and who may do what there: tests/data/access.csv.

A cell of the table is the status of the answer, or ``login`` where it leads to the login.
"""

import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from axes.models import AccessAttempt
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from analytics.models import (
    AlertRule,
    Board,
    Contact,
    Digest,
    MailTemplate,
    Night,
    Playbook,
    PlaybookRun,
    RecommendationRule,
    Report,
    ScoringPolicy,
    Task,
)
from customers.audit import trail
from customers.core.roles import Role
from customers.models import (
    ApiToken,
    AuditEntry,
    Batch,
    Customer,
    CustomerCare,
    Engagement,
    Erasure,
    Event,
    Feedback,
    Fix,
    ImportRun,
    KeyChange,
    Note,
    Onboarding,
    QuarantinedRow,
    Upload,
)
from rsolv_cs.login.confirm import FOR_SECONDS
from rsolv_cs.login.sessions import STARTED, now
from tests.factories import make_alert, make_message, make_run, make_staff
from tests.support import DATA
from tests.support.crm import make_destination, make_pushed
from tests.support.tokens import make_token, token_client
from tests.support.webhook_events import listen, make_delivery, make_event

TABLE = DATA / "access.csv"
METHODS = ("GET", "POST")
VISITORS = {
    "outsider": None,
    "not_staff": {"is_staff": False},
    "inactive": {"is_active": False},
    "no_role": {},
    "viewer": Role.VIEWER,
    "success": Role.SUCCESS_MANAGER,
    "program": Role.PROGRAM_MANAGER,
    "administrator": Role.ADMINISTRATOR,
    "superuser": {"is_superuser": True},
}
"""Who looks: by a role, or by what is different about the account; those without a role of their own have them all."""
SCOPES = ("read", "write", "ingest", "metrics")
TOKENS: dict[str, tuple[Role | None, tuple[str, ...], dict[str, Any]]] = {
    "token_viewer": (Role.VIEWER, ("read",), {}),
    "token_ingest": (Role.PROGRAM_MANAGER, ("ingest",), {}),
    "token_program": (Role.PROGRAM_MANAGER, SCOPES, {}),
    "token_no_role": (None, SCOPES, {}),
    "token_expired": (Role.ADMINISTRATOR, SCOPES, {"expires_at": datetime(2025, 5, 9, tzinfo=UTC)}),
    "token_revoked": (Role.ADMINISTRATOR, SCOPES, {"revoked_at": datetime(2025, 5, 9, tzinfo=UTC)}),
}
"""Programs that show a token: by the role of its user, its scopes, and what else is said of it."""


@dataclass(frozen=True)
class Address:
    """One of the project's patterns: its name, or the pattern itself where it has none."""

    name: str
    route: str


def addresses() -> list[Address]:
    """All patterns, in the order in which they are tried."""

    def walk(resolver: URLResolver, prefix: str, spaces: tuple[str, ...]) -> Iterator[Address]:
        for one in resolver.url_patterns:
            route = f"{prefix}{one.pattern}"
            if isinstance(one, URLResolver):
                yield from walk(one, route, (*spaces, one.namespace) if one.namespace else spaces)
            else:
                assert isinstance(one, URLPattern)
                yield Address(":".join([*spaces, one.name]) if one.name else f"/{route}", route)

    return list(walk(get_resolver(), "", ()))


class Program:
    """The keys of rows that the addresses name, one of each kind, made beside the demo program."""

    def __init__(self) -> None:
        acme = Customer.objects.get(pk="c1001")
        self.keys: dict[str, Any] = {**self._of_imports(acme), **self._of_staff(acme)}
        trail.record(trail.Action.EXPORT, "something")
        self.keys["auditentry"] = AuditEntry.objects.latest("pk").pk
        self.keys["customer_type"] = ContentType.objects.get_for_model(Customer).pk

    def _of_imports(self, acme: Customer) -> dict[str, Any]:
        """The keys of feeds' rows, of imports, and of what belongs to them."""
        row = QuarantinedRow.objects.create(run=make_run(), feed="customers", line=2, raw="Secret row", reasons=["x"])
        upload = Upload.objects.create(
            feed="customers", file="x.csv", folder="0" * 32, stored_name="customers.csv", size=1
        )
        batch = Batch.objects.create(entries=1)
        return {
            "customer": "c1001",
            # Nobody else's batch is told.
            "batches": batch.pk,
            "batch": batch.pk,
            "inboxevent": batch.events.create(position=0, occurred_at=batch.received_at).pk,
            "customers": "c1001",
            # What has no view of its own.
            "api": "nothing",
            "metrics": "nothing",
            **{
                model._meta.model_name: model.objects.order_by("pk").first().pk
                for model in (Onboarding, Engagement, Event, Feedback)
            },
            # The smallest file, which is undone quickest.
            "importrun": ImportRun.objects.get(feed="feedback").pk,
            "runs": ImportRun.objects.get(feed="feedback").pk,
            "quarantinedrow": row.pk,
            "fix": Fix.objects.create(feed="customers", raw="Secret", sha256="0", cells=["x"]).pk,
            "upload": upload.pk,
            "night": Night.objects.create().pk,
            "erasure": Erasure.objects.create(salt="00" * 32, digest="00" * 32, erased_by="x", last_run=1).pk,
            "keychange": KeyChange.objects.create(customer=acme, former_id="c1002", run=make_run()).pk,
        }

    def _of_staff(self, acme: Customer) -> dict[str, Any]:
        """The keys of what staff keep, send and set, and of themselves."""
        CustomerCare.objects.create(customer_id="c1002", notes="Secret note")
        manager = make_staff("Program manager", username="owner")
        message = make_message(acme, state="sending", error="no answer")
        digest = Digest.objects.create(
            kind="alerts", day="2025-05-10", recipient=manager, subject="x", text="x", claimed_at=timezone.now()
        )
        draft = ScoringPolicy.objects.create(name="v2", state="draft")
        return {
            **self._of_pushes(acme),
            "lab": draft.pk,
            "test": "2025-04-30",
            "alertrule": AlertRule.objects.get(kind="fell").pk,
            "digest": digest.pk,
            "alert": make_alert(acme).pk,
            "act": "snooze",
            "bulk": "snooze",
            "customercare": "c1002",
            "note": Note.objects.create(customer=acme, author="x", text="x").pk,
            "contact": Contact.objects.create(customer=acme, name="Ann", email="ann@acme.example").pk,
            "user": make_staff("Viewer", username="somebody").pk,
            "group": Group.objects.create(name="Our own").pk,
            "mailtemplate": MailTemplate.objects.get(situation="check_in").pk,
            "message": message.pk,
            "messages": message.pk,
            "recommendationrule": RecommendationRule.objects.get(urgency=30).pk,
            "scoringpolicy": draft.pk,
            **self._of_playbooks(acme),
            "tasks": Task.objects.create(customer=acme, what="x", due="2025-05-10").pk,
            "board": Board.objects.create(name="Theirs", owner=manager, shared=True).pk,
            "reports": Report.objects.create(name="Theirs", owner=manager, shared=True).pk,
            "webhookendpoint": listen().pk,
            "webhookdelivery": make_delivery(make_event(), state="failed").pk,
            "apitoken": ApiToken.make(manager, "CI", ["read"])[0].pk,
            "accessattempt": AccessAttempt.objects.create(username="x", failures_since_start=1).pk,
        }

    def _of_playbooks(self, acme: Customer) -> dict[str, Any]:
        """The keys of a playbook that is off, of its step, of a run and of an email that waits."""
        playbook = Playbook.objects.get(name="Blocked")
        step = playbook.steps.earliest("pk")
        run = PlaybookRun.objects.create(playbook=playbook, customer=acme, day="2025-05-10", started_on="2025-05-12")
        email = run.steps.create(step=step, what=str(step), due="2025-05-12", state="waiting")
        keys = {"playbooks": playbook.pk, "playbook": playbook.pk, "playbookstep": step.pk}
        return {**keys, "stop": run.pk, "emails": email.pk}

    def _of_pushes(self, acme: Customer) -> dict[str, Any]:
        """The keys of a destination and of a push to it."""
        push = make_pushed(acme, destination=make_destination(name="HubSpot", kind="hubspot", variables="CRM_X"))
        there = dict.fromkeys(("destination", "destinations"), push.destination_id)
        return {**there, **dict.fromkeys(("push", "pushes"), push.pk)}

    def path(self, route: str) -> str:
        """An address by a pattern."""
        if "(?P<app_label>" in route:
            return "/admin/customers/"
        if "(?P<url>" in route:
            return "/admin/nothing/"
        path = route.replace("<path:content_type_id>", str(self.keys["customer_type"]))
        path = path.replace("<str:format>", "csv").replace("<str:feed>", "customers")
        # What a key is of stands before it; the number of a content type stands before a customer's.
        return "/" + re.sub(
            r"([a-z]+|\d+)/<[a-z]*:?[a-z_]+>",
            lambda found: f"{found[1]}/{self.keys['customer' if found[1].isdecimal() else found[1]]}",
            path,
        )


class Visitors:
    """A browser for each visitor, logged in; what its requests do to the data is taken back."""

    def __init__(self) -> None:
        self.clients = {}
        for name, kind in VISITORS.items():
            client = Client(raise_request_exception=False)
            if kind is not None:
                role = kind if isinstance(kind, str) else None
                user = make_staff(role, username=name, email=f"{name}@rsolv.example")
                client.force_login(user)
                if isinstance(kind, dict):
                    User.objects.filter(pk=user.pk).update(**kind)
                    user.groups.set(Group.objects.all() if "is_staff" in kind or "is_active" in kind else [])
            self.clients[name] = client
        for name, (role, scopes, more) in TOKENS.items():
            user = make_staff(role, username=name, email=f"{name}@rsolv.example")
            self.clients[name] = token_client(make_token(user, *scopes, **more))
        self.confirmed = now()

    def confirm(self) -> None:
        """Keep every login young, so that however long the tests take nobody is asked for the password again."""
        if now() - self.confirmed < FOR_SECONDS / 2:
            return
        self.confirmed = now()
        # Who is not logged in would get a session by being asked for it.
        for client in (self.clients[name] for name, kind in VISITORS.items() if kind is not None):
            session = client.session
            session[STARTED] = self.confirmed
            session.save()

    @contextmanager
    def asking(
        self, visitor: str, method: str, path: str, data: dict[str, Any] | None = None, *, to_view: bool = False
    ) -> Iterator[HttpResponse]:
        """An answer, beside the data as it left them; both are gone afterwards.

        With ``to_view`` the answer is the page to which an address leads that leaves out whose view it is.
        """
        self.confirm()
        client = self.clients[visitor]
        cookies = {key: morsel.value for key, morsel in client.cookies.items()}
        with transaction.atomic():
            response = getattr(client, method.lower())(path, data or {})
            if to_view and leads_to_view(response, path):
                response = client.get(response["Location"])
            if response.streaming:
                # To its end, where it closes its file.
                b"".join(response)
            yield response
            transaction.set_rollback(True)
        client.cookies.clear()
        for key, value in cookies.items():
            client.cookies[key] = value


def leads_to_view(response: HttpResponse, path: str) -> bool:
    """Whether an answer only says whose view it is, in the address of the same page."""
    return response.status_code == 302 and response["Location"].startswith(f"{path.partition('?')[0]}?")


def outcome(response: HttpResponse) -> str:
    """The cell for an answer."""
    if response.status_code == 302 and response["Location"].startswith("/admin/login/"):
        return "login"
    return str(response.status_code)


def lets_in(cell: str) -> bool:
    """Whether a cell says that somebody is let in."""
    return cell not in {"login", "403"}


def table() -> dict[tuple[str, str], dict[str, str]]:
    """What the table says: by address and method, the cell of each visitor."""
    with TABLE.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows and list(rows[0]) == ["address", "method", *VISITORS, *TOKENS]
    return {(row.pop("address"), row.pop("method")): row for row in rows}


def is_stored_table_sorted() -> bool:
    """Whether the table names the addresses in the resolver's order, so that a difference is read at a glance."""
    names = list(dict.fromkeys(one.name for one in addresses()))
    return [name for name, _method in table()] == [name for name in names for _method in METHODS]
