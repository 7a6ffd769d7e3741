"""The sidebar: the pages first, then the data behind them; each entry only for those who may open it."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

_GROUPS: list[tuple[str, list[tuple[str, str, str, str]]]] = [
    ("", [("Dashboard", "space_dashboard", "admin:index", "customers.view_customer")]),
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
            ("Import runs", "history", "admin:customers_importrun_changelist", "customers.view_importrun"),
            ("Quarantine", "report", "admin:customers_quarantinedrow_changelist", "customers.view_quarantinedrow"),
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
            (
                "Mail templates",
                "stylus_note",
                "admin:analytics_mailtemplate_changelist",
                "analytics.view_mailtemplate",
            ),
            ("Users", "person", "admin:auth_user_changelist", "auth.view_user"),
            ("Roles", "shield_person", "admin:auth_group_changelist", "auth.view_group"),
        ],
    ),
]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The navigation for unfold's sidebar."""
    groups = []
    for title, entries in _GROUPS:
        items = [
            {"title": label, "icon": icon, "link": reverse(name)}
            for label, icon, name, permission in entries
            if request.user.has_perm(permission)
        ]
        if items:
            groups.append({"title": title, "separator": bool(title), "items": items})
    return groups
