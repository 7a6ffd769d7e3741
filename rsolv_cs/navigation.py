"""The sidebar, and what else leads to a page or starts something; each entry only for those who may open it."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.urls import reverse

from analytics.dashboard.score_views import MAY_SCORE
from analytics.my_day.badge import to_do_count
from analytics.pages.user_summary import user_summary
from customers.core.pages import user_of

Entry = tuple[str, str, str, str]
"""Label, icon, the name of the address, and the permission that it needs."""


def _rows(label: str, icon: str, model: str, permission: str = "") -> Entry:
    """The entry of a model's list, for those who may see its rows where no other permission is named."""
    app, name = model.split(".")
    return label, icon, f"admin:{app}_{name}_changelist", permission or f"{app}.view_{name}"


_WORK = (settings.OWNERS_MAY, "customers.upload_importrun", "customers.fix_quarantinedrow", "auth.view_user")
"""Whoever has none of these permissions only reads."""
_FOR_READERS = {"analytics:summary"}
_FOR_WORK = {
    "analytics:my-day",
    "analytics:tasks",
    "analytics:forecast",
    "analytics:policy-drafts",
    "analytics:playbooks",
    "admin:customers_customercare_changelist",
    "admin:customers_keychange_changelist",
}
_FOR_WORK |= {
    f"admin:customers_{name}_changelist" for name in ("importrun", "quarantinedrow", "fix", "batch", "inboxevent")
}
_FOR_WORK |= {
    f"admin:analytics_{name}_changelist"
    for name in ("message", "night", "scoringpolicy", "alertrule", "digest", "mailtemplate", "recommendationrule")
}
"""What readers are spared in their menu; the pages lead there where it explains something."""

_GROUPS: list[tuple[str, list[Entry]]] = [
    (
        "",
        [
            ("My day", "today", "analytics:my-day", "customers.view_customer"),
            ("Summary", "speed", "analytics:summary", "customers.view_customer"),
            ("Dashboard", "space_dashboard", "admin:index", "customers.view_customer"),
            ("My tasks", "task_alt", "analytics:tasks", "analytics.view_task"),
            ("Alerts", "notifications", "analytics:alerts", "analytics.view_alert"),
            ("Playbooks", "menu_book", "analytics:playbooks", "analytics.view_playbook"),
            ("Cohorts", "grid_on", "analytics:cohorts", "customers.view_customer"),
            ("Impact", "insights", "analytics:effects", "analytics.view_task"),
            ("Forecast accuracy", "query_stats", "analytics:forecast", "customers.view_customer"),
            ("Policy lab", "science", "analytics:policy-drafts", "analytics.view_scoringpolicy"),
            ("Reports", "summarize", "analytics:reports", "analytics.view_report"),
            ("Boards", "dashboard_customize", "analytics:boards", "analytics.view_board"),
        ],
    ),
    (
        "Data",
        [
            _rows("Customers", "groups", "customers.customer"),
            _rows("Onboarding", "checklist", "customers.onboarding"),
            _rows("Engagement", "bar_chart", "customers.engagement"),
            _rows("Feedback", "reviews", "customers.feedback"),
            _rows("Events", "event", "customers.event"),
            _rows("Assignments", "badge", "customers.customercare"),
            _rows("Messages", "mail", "analytics.message"),
        ],
    ),
    (
        "Imports",
        [
            _rows("Nightly runs", "bedtime", "analytics.night", "customers.view_importrun"),
            _rows("Import runs", "history", "customers.importrun"),
            _rows("Inbox", "inbox", "customers.inboxevent"),
            _rows("Batches", "stacks", "customers.batch"),
            _rows("Quarantine", "report", "customers.quarantinedrow"),
            _rows("Fixes", "build", "customers.fix"),
            _rows("Key changes", "sync_alt", "customers.keychange"),
            _rows("Erasures", "person_remove", "customers.erasure", "customers.erase_customer"),
        ],
    ),
    (
        "CRM",
        [
            _rows("Destinations", "cloud_upload", "analytics.destination"),
            _rows("Pushes", "sync", "analytics.push"),
        ],
    ),
    (
        "Settings",
        [
            _rows("Scoring policies", "tune", "analytics.scoringpolicy"),
            _rows("Alert rules", "edit_notifications", "analytics.alertrule"),
            _rows("Digests", "outgoing_mail", "analytics.digest"),
            _rows("Email templates", "stylus_note", "analytics.mailtemplate"),
            _rows("Recommendation rules", "recommend", "analytics.recommendationrule"),
            _rows("Users", "person", "auth.user"),
            _rows("Roles", "shield_person", "auth.group"),
            _rows("API tokens", "key", "customers.apitoken"),
            _rows("Webhooks", "webhook", "analytics.webhookendpoint"),
            _rows("Webhook log", "list_alt", "analytics.webhookdelivery"),
            ("API reference", "api", "api:docs", "customers.view_apitoken"),
            _rows("Audit log", "policy", "customers.auditentry"),
            _rows("Failed logins", "lock_clock", "axes.accessattempt"),
        ],
    ),
]


_ACTIONS: list[tuple[str, str, str, tuple[str, ...]]] = [
    ("Create task", "add_task", "analytics:new-task", ("analytics.add_task", "customers.view_customer")),
    ("New playbook", "menu_book", "admin:analytics_playbook_add", ("analytics.add_playbook",)),
    ("New report", "post_add", "analytics:save-report", ("analytics.add_report", "customers.view_customer")),
    ("Export", "download", "analytics:export", ("customers.view_customer", "customers.export_customer")),
    ("Upload a file", "upload_file", "customers:upload-file", ("customers.view_importrun", MAY_SCORE)),
    ("New webhook", "webhook", "admin:analytics_webhookendpoint_add", ("analytics.add_webhookendpoint",)),
    ("New API token", "key", "admin:customers_apitoken_add", ("customers.add_apitoken",)),
    ("Score now", "calculate", "analytics:score-now", ("customers.view_customer", MAY_SCORE)),
]
"""Label, icon, the name of the address, and the permissions that it needs."""

_OWN_PAGES = [
    ("Preferences", "preferences"),
    ("Two-factor authentication", "second-factor"),
    ("Sessions", "sessions"),
    ("Keyboard shortcuts", "shortcuts"),
]

GO_TO = {
    "d": "admin:index",
    "m": "analytics:my-day",
    "a": "analytics:alerts",
    "t": "analytics:tasks",
    "r": "analytics:reports",
    "c": "analytics:cohorts",
}
"""The key that leads to a page, after a g."""


@dataclass(frozen=True)
class Link:
    """A page or an action; ``group`` is its heading in the sidebar, ``key`` what is pressed after a g, or ''."""

    label: str
    icon: str
    address: str
    group: str = ""
    key: str = ""


def pages(user: User) -> Iterator[Link]:
    """The pages that a user may open, in the order of the sidebar; their own ones come last."""
    keys = {name: key for key, name in GO_TO.items()}
    for title, entries in _menu(user):
        for label, icon, name, _permission in entries:
            yield Link(label, icon, reverse(name), title, keys.get(name, ""))
    for label, name in _own_pages(user):
        yield Link(label, "person", reverse(name), "Your account")


def actions(user: User) -> Iterator[Link]:
    """What a user may start from anywhere."""
    for label, icon, name, permissions in _ACTIONS:
        if user.has_perms(permissions):
            yield Link(label, icon, reverse(name))


def sidebar(request: HttpRequest) -> list[dict[str, object]]:
    """The navigation for unfold's sidebar."""
    groups = []
    for title, entries in _menu(user_of(request)):
        items = [
            {"title": label, "icon": icon, "link": reverse(name), **_badge(request, name)}
            for label, icon, name, _permission in entries
        ]
        groups.append({"title": title, "separator": bool(title), "items": items})
    return groups


def _menu(user: User) -> Iterator[tuple[str, list[Entry]]]:
    """The groups of the sidebar that have an entry for a user, with these entries."""
    spared = _FOR_READERS if any(map(user.has_perm, _WORK)) else _FOR_WORK
    for title, entries in _GROUPS:
        shown = [entry for entry in entries if entry[2] not in spared and user.has_perm(entry[3])]
        if shown:
            yield title, shown


def account(request: HttpRequest) -> list[dict[str, str]]:
    """The visitor's own menu; who logs in elsewhere has no password here."""
    if not isinstance(request.user, User):
        return []
    return [{"title": label, "link": reverse(name)} for label, name in _own_pages(request.user)]


def _own_pages(user: User) -> list[tuple[str, str]]:
    password = [("Change password", "admin:password_change")] if user.has_usable_password() else []
    return [*password, *_OWN_PAGES]


def _badge(request: HttpRequest, name: str) -> dict[str, str]:
    """How many customers, alerts and tasks wait for the visitor, beside the entries of their pages."""
    if name == "analytics:my-day":
        to_do = to_do_count(request)
        return {"badge": f"{to_do:,}", "badge_variant": "danger"} if to_do else {}
    if name == "analytics:alerts":
        waiting = user_summary(request).waiting
        return {"badge": f"{waiting:,}", "badge_variant": "danger"} if waiting else {}
    due = user_summary(request).due if name == "analytics:tasks" else 0
    return {"badge": f"{due:,}", "badge_variant": "danger"} if due else {}
