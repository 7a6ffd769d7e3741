"""The sidebar, and what else leads to a page or starts something; each entry only for those who may open it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.urls import get_script_prefix, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.dashboard.score_views import MAY_SCORE
from analytics.my_day.badge import to_do_count
from analytics.pages.user_summary import user_summary
from customers.core.pages import user_of
from customers.text.say import Words
from customers.text.written import number
from rsolv_cs.login.second_factor import may_use_password

Entry = tuple[Words, str, str, str]
"""Label, icon, the name of the address, and the permission that it needs."""


def _rows(label: Words, icon: str, model: str, permission: str = "") -> Entry:
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

_GROUPS: list[tuple[Words, list[Entry]]] = [
    (
        "",
        [
            (_("My day"), "today", "analytics:my-day", "customers.view_customer"),
            (_("Summary"), "speed", "analytics:summary", "customers.view_customer"),
            (_("Dashboard"), "space_dashboard", "admin:index", "customers.view_customer"),
            (_("My tasks"), "task_alt", "analytics:tasks", "analytics.view_task"),
            (_("Alerts"), "notifications", "analytics:alerts", "analytics.view_alert"),
            (_("Playbooks"), "menu_book", "analytics:playbooks", "analytics.view_playbook"),
            (_("Milestones"), "flag", "analytics:milestones", "customers.view_customer"),
            (_("Cohorts"), "grid_on", "analytics:cohorts", "customers.view_customer"),
            (_("Impact"), "insights", "analytics:effects", "analytics.view_task"),
            (_("Forecast accuracy"), "query_stats", "analytics:forecast", "customers.view_customer"),
            (_("Policy lab"), "science", "analytics:policy-drafts", "analytics.view_scoringpolicy"),
            (_("Reports"), "summarize", "analytics:reports", "analytics.view_report"),
            (_("Boards"), "dashboard_customize", "analytics:boards", "analytics.view_board"),
        ],
    ),
    (
        _("Data"),
        [
            _rows(_("Customers"), "groups", "customers.customer"),
            _rows(_("Onboarding"), "checklist", "customers.onboarding"),
            _rows(_("Engagement"), "bar_chart", "customers.engagement"),
            _rows(_("Feedback"), "reviews", "customers.feedback"),
            _rows(_("Events"), "event", "customers.event"),
            _rows(_("Assignments"), "badge", "customers.customercare"),
            _rows(_("Messages"), "mail", "analytics.message"),
        ],
    ),
    (
        _("Imports"),
        [
            _rows(_("Nightly runs"), "bedtime", "analytics.night", "customers.view_importrun"),
            _rows(_("Import runs"), "history", "customers.importrun"),
            _rows(_("Inbox"), "inbox", "customers.inboxevent"),
            _rows(_("Batches"), "stacks", "customers.batch"),
            _rows(_("Quarantine"), "report", "customers.quarantinedrow"),
            _rows(_("Fixes"), "build", "customers.fix"),
            _rows(_("Key changes"), "sync_alt", "customers.keychange"),
            _rows(_("Erasures"), "person_remove", "customers.erasure", "customers.erase_customer"),
        ],
    ),
    (
        _("CRM"),
        [
            _rows(_("Destinations"), "cloud_upload", "analytics.destination"),
            _rows(_("Pushes"), "sync", "analytics.push"),
        ],
    ),
    (
        _("Settings"),
        [
            _rows(_("Scoring policies"), "tune", "analytics.scoringpolicy"),
            _rows(_("Alert rules"), "edit_notifications", "analytics.alertrule"),
            _rows(_("Digests"), "outgoing_mail", "analytics.digest"),
            _rows(_("Email templates"), "stylus_note", "analytics.mailtemplate"),
            _rows(_("Recommendation rules"), "recommend", "analytics.recommendationrule"),
            _rows(_("Users"), "person", "auth.user"),
            _rows(_("Roles"), "shield_person", "auth.group"),
            _rows(_("API tokens"), "key", "customers.apitoken"),
            _rows(_("Webhooks"), "webhook", "analytics.webhookendpoint"),
            _rows(_("Webhook log"), "list_alt", "analytics.webhookdelivery"),
            (_("API reference"), "api", "api:docs", "customers.view_apitoken"),
            _rows(_("Audit log"), "policy", "customers.auditentry"),
            _rows(_("Failed logins"), "lock_clock", "axes.accessattempt"),
        ],
    ),
]


_ACTIONS: list[tuple[Words, str, str, tuple[str, ...]]] = [
    (_("Create task"), "add_task", "analytics:new-task", ("analytics.add_task", "customers.view_customer")),
    (_("New playbook"), "menu_book", "admin:analytics_playbook_add", ("analytics.add_playbook",)),
    (_("New report"), "post_add", "analytics:save-report", ("analytics.add_report", "customers.view_customer")),
    (_("Export"), "download", "analytics:export", ("customers.view_customer", "customers.export_customer")),
    (_("Upload a file"), "upload_file", "customers:upload-file", ("customers.view_importrun", MAY_SCORE)),
    (_("New destination"), "cloud_upload", "admin:analytics_destination_add", ("analytics.add_destination",)),
    (_("New webhook"), "webhook", "admin:analytics_webhookendpoint_add", ("analytics.add_webhookendpoint",)),
    (_("New API token"), "key", "admin:customers_apitoken_add", ("customers.add_apitoken",)),
    (_("Score now"), "calculate", "analytics:score-now", ("customers.view_customer", MAY_SCORE)),
]
"""Label, icon, the name of the address, and the permissions that it needs."""

_OWN_PAGES: list[tuple[Words, str]] = [
    (_("Preferences"), "preferences"),
    (_("Two-factor authentication"), "second-factor"),
    (_("Sessions"), "sessions"),
    (_("Keyboard shortcuts"), "shortcuts"),
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
            yield Link(str(label), icon, _address(name), str(title), keys.get(name, ""))
    for label, name in _own_pages(user):
        yield Link(str(label), "person", _address(name), gettext("Your account"))


def addresses_of_keys(user: User) -> dict[str, str]:
    """Return the address of the page of each key that a user may go to."""
    may_open = {name for _title, entries in _menu(user) for _label, _icon, name, _permission in entries}
    return {key: _address(name) for key, name in GO_TO.items() if name in may_open}


def actions(user: User) -> Iterator[Link]:
    """What a user may start from anywhere."""
    for label, icon, name, permissions in _ACTIONS:
        if user.has_perms(permissions):
            yield Link(str(label), icon, _address(name))


def sidebar(request: HttpRequest) -> list[dict[str, object]]:
    """The groups of the sidebar; a page that belongs to an entry's page is below its address."""
    groups = []
    for title, entries in _menu(user_of(request)):
        items = [
            {
                "title": str(label),
                "icon": icon,
                "link": (link := _address(name)),
                "active": request.path == link or (name != "admin:index" and request.path.startswith(link)),
                **_badge(request, name),
            }
            for label, icon, name, _permission in entries
        ]
        groups.append({"title": str(title), "separator": bool(title), "items": items})
    return groups


@lru_cache
def _address_below(_prefix: str, name: str) -> str:
    return reverse(name)


def _address(name: str) -> str:
    """The address of a page of the menu, looked up once: each page shows some fifty of them."""
    return _address_below(get_script_prefix(), name)


def _menu(user: User) -> Iterator[tuple[Words, list[Entry]]]:
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
    return [{"title": str(label), "link": _address(name)} for label, name in _own_pages(request.user)]


def _own_pages(user: User) -> list[tuple[Words, str]]:
    password: list[tuple[Words, str]] = (
        [(_("Change password"), "admin:password_change")] if may_use_password(user) else []
    )
    return [*password, *_OWN_PAGES]


def _badge(request: HttpRequest, name: str) -> dict[str, str]:
    """How many customers, alerts and tasks wait for the visitor, beside the entries of their pages."""
    if name == "analytics:my-day":
        to_do = to_do_count(request)
        return {"badge": number(to_do)} if to_do else {}
    if name == "analytics:alerts":
        waiting = user_summary(request).waiting
        return {"badge": number(waiting)} if waiting else {}
    due = user_summary(request).due if name == "analytics:tasks" else 0
    return {"badge": number(due)} if due else {}
