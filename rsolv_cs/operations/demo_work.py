"""What people have done in the demo, so that no page is empty: tasks, mails, an alert, reports, a board, a draft."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from random import Random

from django.contrib.auth.models import User
from django.utils import timezone

from analytics.mail.message import message_id
from analytics.models import (
    ActionKind,
    Alert,
    Board,
    BoardTile,
    ExportFormat,
    MailTemplate,
    Message,
    RecommendationRule,
    Report,
    ScoringPolicy,
    Snapshot,
    Task,
)
from analytics.outreach.draft import from_line
from analytics.reports.pinned import pin
from analytics.scoring.policies import Policies
from analytics.tasks.conditions import matching_reason
from customers.models import Customer, CustomerCare, Note
from customers.text.say import english

Kind, State, Outcome = ActionKind, Task.State, Task.Outcome

DONE: list[tuple[str, str, str, str, int, str]] = [
    # customer, kind, what, outcome, days before the newest scored date, note
    ("c1003", Kind.CALL, english("Schedule a technical call"), Outcome.SOLVED, 43, english("The token had expired.")),
    ("c1004", Kind.CHECK_IN, english("Do the regular check-in"), Outcome.REACHED, 36, ""),
    (
        "c1007",
        Kind.CALL,
        english("Schedule a technical call"),
        Outcome.REACHED,
        32,
        english("Wants a demo of labels."),
    ),
    ("c1006", Kind.EMAIL, english("Send a follow-up email about PR generation"), Outcome.NO_ANSWER, 31, ""),
    ("c1010", Kind.CALL, english("Schedule a technical call"), Outcome.SOLVED, 29, ""),
    ("c1005", Kind.CHECK_IN, english("Do the regular check-in"), Outcome.REACHED, 15, ""),
]
LEGAL = english("Legal has read them; page 4 is still missing the sub-processors.")
AGREED = english(
    "Hello DevSolutions team,\n\nThank you for your time today. As agreed, I've asked our engineers to look into the "
    "pull requests that weren't merged. You'll hear from us by Friday.\n\nBest regards,\nSofia Marchetti\n"
)
WELCOME = english(
    "Hello Tide & Timber team,\n\nWelcome to the program! The first step is to install the GitHub Action, and I'd be "
    "happy to walk you through it. Which day works for you?\n\nBest regards,\nSofia Marchetti\n"
)


def add_work(day: date) -> None:
    """Add it to the demo program, whose newest scored date is ``day``; tasks are due about today."""
    people = {user.username: user for user in User.objects.filter(username__in=("manager", "success"))}
    manager, success = people["manager"], people["success"]
    _add_tasks(day, manager, success)
    _add_mails(day, success)
    for alert in Alert.objects.open().filter(customer="c1001", rule__kind="blocked"):
        alert.acknowledged_at, alert.acknowledged_by = timezone.now(), success.username
        alert.note = english("Their administrator is back on Monday and will accept the permissions.")
        alert.save(update_fields=["acknowledged_at", "acknowledged_by", "note"])
    _add_board(manager, _add_reports(manager, success))


def _add_tasks(day: date, manager: User, success: User) -> None:
    today = timezone.localdate()
    soon, later = today + timedelta(days=3), today + timedelta(days=9)
    Task.objects.bulk_create(
        [
            _from_rule("c1001", "blocked_on_permissions", "documentation", success, today),
            _from_rule("c1012", "at_risk", "call", manager, today - timedelta(days=1)),
            _task("c1002", english("Send the answers to their security questionnaire"), success, soon, note=LEGAL),
            _task("c1008", english("Ask who decides on the renewal"), manager, later, kind=Kind.CONTACT),
            *(_closed(*one, day=day, by=success) for one in DONE),
            _closed(
                "c1011",
                Kind.CONTACT,
                english("Confirm the contact"),
                Outcome.NOT_NEEDED,
                0,
                english("They paused until the next funding round and said so."),
                day=day,
                by=manager,
                state=State.DROPPED,
            ),
        ]
    )


def _from_rule(customer: str, condition: str, kind: str, owner: User, due: date) -> Task:
    """A task as "Create task" makes it."""
    rule = RecommendationRule.objects.filter(condition=condition, kind=kind).earliest("urgency")
    snapshot = Snapshot.objects.select_related("customer", "policy").filter(customer=customer).latest("date")
    reason = matching_reason(snapshot, rule) or ""
    return _task(customer, rule.text, owner, due, rule=rule, kind=rule.kind, reason=reason)


def _closed(
    customer: str,
    kind: str,
    what: str,
    outcome: str,
    ago: int,
    note: str,
    *,
    day: date,
    by: User,
    state: str = State.DONE,
) -> Task:
    on = day - timedelta(days=ago)
    began, ended = _at(on - timedelta(days=2), 9), _at(on, 16)
    done = {"state": state, "outcome": outcome, "outcome_note": note}
    closed = {"closed_at": ended, "closed_on": on, "closed_by": by.username}
    return _task(customer, what, by, on, kind=kind, created_at=began, **done, **closed)


def _task(customer: str, what: str, owner: User, due: date, **more: object) -> Task:
    return Task(customer_id=customer, what=what, owner=owner, due=due, created_by=owner.username, **more)


def _add_mails(day: date, sender: User) -> None:
    """One that was sent, and one that the mail server refused."""
    template = MailTemplate.objects.filter(situation=MailTemplate.Situation.CHECK_IN).first()
    mails: Iterable[tuple[str, str, str, datetime, str, str]] = (
        (
            "c1003",
            english("What we agreed on today"),
            AGREED,
            _at(day - timedelta(days=10), 11),
            Message.State.SENT,
            "",
        ),
        (
            "c1012",
            english("Welcome to RSOLV"),
            WELCOME,
            _at(day - timedelta(days=1), 15),
            Message.State.FAILED,
            english("The mail server refused it: 450 4.2.2 mailbox full, try again later."),
        ),
    )
    for key, subject, body, moment, state, error in mails:
        customer = Customer.objects.get(pk=key)
        _sent(customer, sender, moment, subject, body, template=template, state=state, error=error)


def _sent(
    customer: Customer,
    sender: User,
    moment: datetime,
    subject: str,
    body: str,
    *,
    template: MailTemplate | None = None,
    state: str = Message.State.SENT,
    error: str = "",
) -> None:
    """Store an email as if it had been sent, or refused, at a moment."""
    Message.objects.create(
        customer=customer,
        template=template,
        sender=sender,
        sent_by=sender.username,
        from_line=from_line(sender),
        recipient=customer.email,
        reply_to=sender.email,
        subject=subject,
        body=body,
        message_id=message_id(f"demo-{customer.pk}-{moment.toordinal()}"),
        state=state,
        error=error,
        created_at=moment,
        attempted_at=moment,
        sent_at=moment if state == Message.State.SENT else None,
    )


def _add_reports(manager: User, success: User) -> Report:
    """Return a shared one, mailed each Monday and pinned by everybody; a private one is added too."""
    shared = Report.objects.create(
        name=english("Who needs us this week"),
        owner=manager,
        shared=True,
        query="status=at_risk&status=needs_attention&sort=score&columns=status,score,trend,blocker_type,owner",
        schedule=Report.Schedule.WEEKLY,
        scheduled_on=timezone.localdate(),
    )
    shared.recipients.set([manager, success])
    for user in User.objects.all():
        pin(user, shared)
    Report.objects.create(
        name=english("My customers, last month"),
        owner=success,
        query="owner=me&sort=-score",
        as_of=Report.AsOf.MONTH_END,
        format=ExportFormat.CSV,
    )
    return shared


def _add_board(manager: User, urgent: Report) -> None:
    """A shared one for the weekly meeting, of two shared reports."""
    everybody = Report.objects.create(
        name=english("All customers by score"), owner=manager, shared=True, query="sort=score"
    )
    board = Board.objects.create(name=english("Weekly meeting"), owner=manager, shared=True)
    shown = BoardTile.Kind
    tiles = ((urgent, shown.COUNT), (everybody, shown.TREND), (everybody, shown.CHART), (urgent, shown.TABLE))
    BoardTile.objects.bulk_create(
        BoardTile(board=board, report=report, kind=kind, position=position)
        for position, (report, kind) in enumerate(tiles)
    )


CALLED = (
    english("Talked through their open pull requests."),
    english("They like it, and want labels next."),
    english("Asked for a later start."),
)
WROTE = english(
    "Hello,\n\nI noticed that you have been away for a while. What can I do to help?\n\nBest regards,\n"
    "Sofia Marchetti\n"
)


def add_draft() -> None:
    """Let the manager have a draft of another scoring policy, in which activity counts for more."""
    original = Policies.on(timezone.localdate()).everybody
    numbers = {**original.numbers, "activity_max": 40, "activity_points_per_day": 8, "pr_max": 15}
    ScoringPolicy.objects.create(
        name=english("Activity counts for more"),
        state=ScoringPolicy.State.DRAFT,
        made_by="manager",
        made_at=timezone.now(),
        copied_from=original,
        **numbers,
    )


def add_history(day: date) -> None:
    """Give the customers of the large program owners, and half a year of tasks, emails and calls up to ``day``."""
    random = Random(day.year)  # noqa: S311 - a demo, no secret
    people = {user.username: user for user in User.objects.filter(username__in=("manager", "success"))}
    for customer in Customer.objects.filter(pk__startswith="c2").order_by("pk"):
        owner = random.choice((people["success"], people["success"], people["manager"], None))
        if owner is None:
            continue
        CustomerCare.objects.create(customer=customer, owner=owner)
        days = range(min(180, (day - customer.signup_date).days))
        for ago in random.sample(days, min(len(days), random.choice((0, 0, 1, 2)))):
            kind = random.choice((Kind.CALL, Kind.CHECK_IN, Kind.EMAIL))
            outcome = random.choice((Outcome.REACHED, Outcome.SOLVED, Outcome.NO_ANSWER))
            _closed(customer.pk, kind, kind.label, outcome, ago, "", day=day, by=owner).save()
            if kind == Kind.CALL:
                moment = _at(day - timedelta(days=ago), 11)
                Note.objects.create(
                    customer=customer,
                    author=owner.get_full_name(),
                    created_at=moment,
                    kind="call",
                    text=random.choice(CALLED),
                )
            if kind == Kind.EMAIL:
                _sent(customer, owner, _at(day - timedelta(days=ago), 10), english("How can we help?"), WROTE)


def _at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), tzinfo=timezone.get_default_timezone())
