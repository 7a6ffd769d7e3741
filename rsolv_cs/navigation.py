"""The sidebar: the pages first, then the data behind them; each entry only for those who may open it."""

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from analytics.my_day.badge import to_do_count
from analytics.pages.user_summary import user_summary

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
    "admin:customers_customercare_changelist",
    "admin:customers_keychange_changelist",
}
_FOR_WORK |= {f"admin:customers_{name}_changelist" for name in ("importrun", "quarantinedrow", "fix")}
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
            ("Cohorts", "grid_on", "analytics:cohorts", "customers.view_customer"),
            ("Did it help", "insights", "analytics:effects", "analytics.view_task"),
            ("Reports", "summarize", "analytics:reports", "analytics.view_report"),
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
            _rows("Owners and notes", "badge", "customers.customercare"),
            _rows("Messages", "mail", "analytics.message"),
        ],
    ),
    (
        "Imports",
        [
            _rows("Nights", "bedtime", "analytics.night", "customers.view_importrun"),
            _rows("Import runs", "history", "customers.importrun"),
            _rows("Quarantine", "report", "customers.quarantinedrow"),
            _rows("Fixes", "build", "customers.fix"),
            _rows("Key changes", "sync_alt", "customers.keychange"),
            _rows("Erasures", "person_remove", "customers.erasure", "customers.erase_customer"),
        ],
    ),
    (
        "Settings",
        [
            _rows("Scoring policies", "tune", "analytics.scoringpolicy"),
            _rows("Alert rules", "edit_notifications", "analytics.alertrule"),
            _rows("Sent digests", "outgoing_mail", "analytics.digest"),
            _rows("Mail templates", "stylus_note", "analytics.mailtemplate"),
            _rows("Recommendations", "recommend", "analytics.recommendationrule"),
            _rows("Users", "person", "auth.user"),
            _rows("Roles", "shield_person", "auth.group"),
            _rows("Audit", "policy", "customers.auditentry"),
            _rows("Failed logins", "lock_clock", "axes.accessattempt"),
        ],
    ),
]


def sidebar(request: HttpRequest) -> list[dict[str, object]]:
    """The navigation for unfold's sidebar."""
    spared = _FOR_READERS if any(map(request.user.has_perm, _WORK)) else _FOR_WORK
    groups = []
    for title, entries in _GROUPS:
        items = [
            {"title": label, "icon": icon, "link": reverse(name), **_badge(request, name)}
            for label, icon, name, permission in entries
            if name not in spared and request.user.has_perm(permission)
        ]
        if items:
            groups.append({"title": title, "separator": bool(title), "items": items})
    return groups


def account(request: HttpRequest) -> list[dict[str, str]]:
    """The visitor's own menu; who logs in elsewhere has no password here."""
    if not request.user.is_authenticated:
        return []
    links = [
        {"title": "Preferences", "link": reverse("preferences")},
        {"title": "Second factor", "link": reverse("second-factor")},
        {"title": "Sessions", "link": reverse("sessions")},
    ]
    if request.user.has_usable_password():
        links.insert(0, {"title": "Change password", "link": reverse("admin:password_change")})
    return links


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
