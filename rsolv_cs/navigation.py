"""The sidebar: the pages first, then the data behind them; each entry only for those who may open it."""

from django.http import HttpRequest
from django.urls import reverse

from analytics.pages.user_summary import user_summary

_GROUPS: list[tuple[str, list[tuple[str, str, str, str]]]] = [
    (
        "",
        [
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
            ("Customers", "groups", "admin:customers_customer_changelist", "customers.view_customer"),
            ("Onboarding", "checklist", "admin:customers_onboarding_changelist", "customers.view_onboarding"),
            ("Engagement", "bar_chart", "admin:customers_engagement_changelist", "customers.view_engagement"),
            ("Feedback", "reviews", "admin:customers_feedback_changelist", "customers.view_feedback"),
            ("Events", "event", "admin:customers_event_changelist", "customers.view_event"),
            (
                "Owners and notes",
                "badge",
                "admin:customers_customercare_changelist",
                "customers.view_customercare",
            ),
            ("Messages", "mail", "admin:analytics_message_changelist", "analytics.view_message"),
        ],
    ),
    (
        "Imports",
        [
            ("Nights", "bedtime", "admin:analytics_night_changelist", "customers.view_importrun"),
            ("Import runs", "history", "admin:customers_importrun_changelist", "customers.view_importrun"),
            ("Quarantine", "report", "admin:customers_quarantinedrow_changelist", "customers.view_quarantinedrow"),
            ("Fixes", "build", "admin:customers_fix_changelist", "customers.view_fix"),
            ("Key changes", "sync_alt", "admin:customers_keychange_changelist", "customers.view_keychange"),
            ("Erasures", "person_remove", "admin:customers_erasure_changelist", "customers.erase_customer"),
        ],
    ),
    (
        "Settings",
        [
            (
                "Scoring policies",
                "tune",
                "admin:analytics_scoringpolicy_changelist",
                "analytics.view_scoringpolicy",
            ),
            ("Alert rules", "edit_notifications", "admin:analytics_alertrule_changelist", "analytics.view_alertrule"),
            ("Sent digests", "outgoing_mail", "admin:analytics_digest_changelist", "analytics.view_digest"),
            (
                "Mail templates",
                "stylus_note",
                "admin:analytics_mailtemplate_changelist",
                "analytics.view_mailtemplate",
            ),
            (
                "Recommendations",
                "recommend",
                "admin:analytics_recommendationrule_changelist",
                "analytics.view_recommendationrule",
            ),
            ("Users", "person", "admin:auth_user_changelist", "auth.view_user"),
            ("Roles", "shield_person", "admin:auth_group_changelist", "auth.view_group"),
            ("Audit", "policy", "admin:customers_auditentry_changelist", "customers.view_auditentry"),
            ("Failed logins", "lock_clock", "admin:axes_accessattempt_changelist", "axes.view_accessattempt"),
        ],
    ),
]


def sidebar(request: HttpRequest) -> list[dict[str, object]]:
    """The navigation for unfold's sidebar."""
    groups = []
    for title, entries in _GROUPS:
        items = [
            {"title": label, "icon": icon, "link": reverse(name), **_badge(request, name)}
            for label, icon, name, permission in entries
            if request.user.has_perm(permission)
        ]
        if items:
            groups.append({"title": title, "separator": bool(title), "items": items})
    return groups


def account(request: HttpRequest) -> list[dict[str, str]]:
    """The visitor's own menu; who logs in elsewhere has no password here."""
    if not request.user.is_authenticated:
        return []
    links = [
        {"title": "Second factor", "link": reverse("second-factor")},
        {"title": "Sessions", "link": reverse("sessions")},
    ]
    if request.user.has_usable_password():
        links.insert(0, {"title": "Change password", "link": reverse("admin:password_change")})
    return links


def _badge(request: HttpRequest, name: str) -> dict[str, str]:
    """How many alerts wait for the visitor and how many tasks are due, beside the entries of their pages."""
    if name == "analytics:alerts":
        waiting = user_summary(request).waiting
        return {"badge": f"{waiting:,}", "badge_variant": "danger"} if waiting else {}
    due = user_summary(request).due if name == "analytics:tasks" else 0
    return {"badge": f"{due:,}", "badge_variant": "danger"} if due else {}
