"""The admin's look: what the theme is told in the setting ``UNFOLD``."""

from django.templatetags.static import static

UNFOLD = {
    "SITE_TITLE": "RSOLV Customer Success",
    "SITE_HEADER": "RSOLV",
    "SITE_SUBHEADER": "Customer Success",
    "SITE_SYMBOL": "monitoring",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("analytics/icon.svg")},
    ],
    "SITE_URL": None,
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "SCRIPTS": [
        lambda request: static("rsolv_cs/drafts.js"),
        lambda request: static("rsolv_cs/sending.js"),
        lambda request: static("rsolv_cs/palette.js"),
        lambda request: static("rsolv_cs/escape.js"),
        lambda request: static("rsolv_cs/printed.js"),
        lambda request: static("rsolv_cs/names.js"),
        lambda request: static("analytics/copying.js"),
    ],
    "STYLES": [
        lambda request: static("analytics/analytics.css"),
        lambda request: static("rsolv_cs/frame.css"),
        lambda request: static("rsolv_cs/palette.css"),
        lambda request: static("analytics/print.css"),
    ],
    "ACCOUNT": {"navigation": "rsolv_cs.navigation.account"},
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
    },
}
