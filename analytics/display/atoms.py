"""The visual atoms of our pages: elements that a page has many of, without the cost of a template."""

from datetime import date
from urllib.parse import quote

from django.urls import reverse
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from analytics.display.sparkline import Sparkline
from analytics.models import HealthStatus, Snapshot, Trend
from analytics.wording import DASH, days_ago, signed
from customers.text import written
from customers.text.codes import code_in_words
from customers.text.say import kept_by_language, say, say_html
from customers.text.written import percentage

NOTABLE = 10
"""A score that changed by fewer points has no colour: it goes up and down as days pass."""
KEPT = 1_000
"""A list says the same few things again and again; escaping them each time would take the most time."""
_ARROWS = {Trend.IMPROVING: "↑", Trend.STABLE: "→", Trend.DECLINING: "↓"}
_AT_RISK = '<span class="mark" role="img" aria-label="{}">⚠</span>'
_TAG = '<span class="tag" title="{}">{}</span>'
_BOX = '<label class="tick"><input type="checkbox" name="customer" form="bulk" value="{}" aria-label="{}"></label>'
_NAME = '{0} <a class="customer-name" id="to-{1}" href="{2}" title="{3}" dir="auto">{3}</a> {4} {5} {6}{7}{8}'
_TASK = ' <a class="row-act" href="{}" title="{}" aria-label="{}"></a>'
_OWNER = '<a class="owner-link" href="{}" aria-label="{}" title="{}" dir="auto">{}</a>'
_SCORE = (
    '<span class="score" title="{}">{} <small class="score-change">{}</small> '
    '<svg class="sparkline" viewBox="0 0 60 22" role="img" aria-label="{}">{}</svg></span>'
)
_CHANGE = '<span class="score-{}" title="{}">{}</span>'
_MOVE = '<span class="status-{}" title="{}"><span aria-hidden="true">{}</span> {}</span>'
_WARNING = mark_safe('<span aria-hidden="true">⚠</span> ')


@kept_by_language(KEPT)
def health_status(status: str) -> SafeString:
    """A health status as a pill with a mark of its own, so that colour is not all that tells."""
    mark = _WARNING if status == HealthStatus.AT_RISK else ""
    return format_html('<span class="pill pill-{}">{}{}</span>', status, mark, HealthStatus(status).label)


@kept_by_language(KEPT)
def trend(value: str) -> SafeString:
    """Draw a trend as an arrow with its word."""
    html = '<span class="trend trend-{}"><span aria-hidden="true">{}</span> {}</span>'
    return format_html(html, value, _ARROWS[Trend(value)], Trend(value).label)


@kept_by_language(KEPT)
def bar(percent: int | None, label: str, tone: str = "accent") -> SafeString:
    """Draw a horizontal bar; ``label`` is what a screen reader says, ``tone`` one of the status keys or ``accent``."""
    html = '<progress class="bar bar-{}" max="100" value="{}" aria-label="{}">{}</progress>'
    return format_html(html, tone, percent or 0, label, percentage(percent or 0))


@kept_by_language(KEPT)
def since(day: date | None, today: date) -> SafeString | str:
    """Draw a day as the time that has passed by ``today``, the exact date on hover."""
    words = days_ago(day, today)
    if day is None:
        return words
    return format_html('<time datetime="{}" title="{}">{}</time>', day.isoformat(), written.day(day), words)


@kept_by_language(KEPT)
def progress(percent: int) -> SafeString:
    """Draw how much of the onboarding is done, as a bar with its figure."""
    drawn = bar(percent, gettext("Onboarding progress"))
    return format_html('<span class="progress">{} {}</span>', drawn, percentage(percent))


def customer_name(snapshot: Snapshot, address: str, *, may_tick: bool, may_create_task: bool) -> SafeString:
    """The customer's name as a link to its page, and its marks.

    With a box for those who ``may_tick`` it, and the way to the form of a task for those who ``may_create_task``.
    """
    key, name = conditional_escape(snapshot.customer_id), conditional_escape(snapshot.customer.organization)
    page = reverse("analytics:customer", args=[snapshot.customer_id])
    box = format_html(_BOX, key, say_html("Select {customer}", customer=name)) if may_tick else ""
    mark = _mark() if snapshot.status == HealthStatus.AT_RISK else ""
    blocked = _blocked(snapshot.blocker_type) if snapshot.blocked else ""
    missing = _missing() if snapshot.customer.missing_since_id else ""
    so_far = _so_far(snapshot.provisional_to) if snapshot.provisional_to else ""
    create = gettext("Create task")
    of = say_html("Create task for {customer}", customer=name)
    task = format_html(_TASK, _act_on(snapshot, "task", address), create, of) if may_create_task else ""
    link = f"{page}?{address}" if address else page
    return format_html(_NAME, box, key, link, name, mark, blocked, so_far, missing, task)


@kept_by_language(1)
def _mark() -> SafeString:
    return format_html(_AT_RISK, gettext("at risk"))


@kept_by_language(KEPT)
def _blocked(blocker: str) -> SafeString:
    return format_html(_TAG, say("Blocked: {blocker}", blocker=code_in_words(blocker)), gettext("blocked"))


@kept_by_language(1)
def _missing() -> SafeString:
    return format_html(_TAG, gettext("Missing from customers.csv"), gettext("missing"))


@kept_by_language(KEPT)
def _so_far(through: date) -> SafeString:
    title = say("With what the product reported through {day}; files follow", day=through)
    return format_html(_TAG + " ", title, gettext("so far today"))


def owner(snapshot: Snapshot, name: str, address: str, *, may_assign: bool) -> SafeString | str:
    """Draw the owner's name or a dash; for those who ``may_assign``, as the way to the form, and back to the row."""
    if not may_assign:
        return name or DASH
    page, customer = _act_on(snapshot, "assign", address), snapshot.customer.organization
    if name:
        said = say("Owner: {owner}. Assign an owner to {customer}", owner=name, customer=customer)
    else:
        said = say("Owner: nobody. Assign an owner to {customer}", customer=customer)
    return format_html(_OWNER, page, said, gettext("Assign an owner"), name or DASH)


def _act_on(snapshot: Snapshot, act: str, address: str) -> str:
    """Return the address of the form of an act on a customer, and from there back to the row."""
    page = reverse("analytics:act-on-customer", args=[snapshot.customer_id, act])
    back = f"{reverse('admin:index')}?{address}#customer-{quote(snapshot.customer_id)}"
    return f"{page}?next={quote(back, safe='/')}"


def score_change(points: int, then: int, day: date) -> SafeString:
    """By how much a score changed, with its sign; what it was, and when, on hover."""
    tone = "fell" if points <= -NOTABLE else "rose" if points >= NOTABLE else "still"
    return format_html(_CHANGE, tone, say("{score} on {day}", score=then, day=day), signed(points))


def status_move(words: str, risen: int, was: str, day: date) -> SafeString:
    """Which way a status went in words, with a sign: by how many places it has ``risen``; what it was on hover."""
    tone, sign = ("better", "↑") if risen > 0 else ("worse", "↓") if risen else ("same", "→")
    return format_html(_MOVE, tone, say("{status} on {day}", status=HealthStatus(was).label, day=day), sign, words)


def score(value: int, drawing: Sparkline, change: SafeString | str = "") -> SafeString:
    """Draw a score, its change over a week and its way over a month."""
    words = drawing.text
    return format_html(_SCORE, words[:1].upper() + words[1:], value, change, words, drawing.shapes)
