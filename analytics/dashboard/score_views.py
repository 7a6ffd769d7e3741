"""The page that scores now, for those who may import: what it will do, and how far it is."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext

from analytics.pages.scoring_stream import scoring_stream
from analytics.scoring.unscored import unscored
from customers.core.pages import admin_page, admin_response

MAY_SCORE = "customers.upload_importrun"


@admin_page("customers.view_customer", MAY_SCORE)
def score_now(request: HttpRequest) -> HttpResponseBase:
    """Say what would be scored, or score it."""
    template, context = "analytics/dashboard/score.html", {"title": gettext("Score now")}
    if request.method != "POST":
        return admin_response(request, template, {**context, "unscored": unscored()})
    return scoring_stream(request, template, context)
