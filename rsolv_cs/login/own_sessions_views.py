"""The page that says where one is logged in, with an end for each session."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext

from customers.audit import trail
from customers.core.pages import StaffRequest, admin_page, admin_response
from customers.text.say import english, say_n
from rsolv_cs.login import own_sessions


@admin_page()
def sessions(request: StaffRequest) -> HttpResponse:
    """List one's own sessions; what is sent ends one of the others, or all of them."""
    own = own_sessions.of(request.user)
    current = request.session.session_key
    if request.method == "POST":
        if request.POST.get("do") == "others":
            ended = own_sessions.end_all(request.user, but=current)
        else:
            asked = request.POST.get("session", "")
            ended = own_sessions.end([one.key for one in own if str(one.pk) == asked and one.key != current])
        if ended:
            detail = english(f"{ended} session{'' if ended == 1 else 's'} ended")
            trail.record(trail.Action.LOGOUT, request.user, detail=detail)
            messages.info(request, say_n("{number} session ended.", "{number} sessions ended.", ended))
        else:
            messages.info(request, gettext("There was nothing to end: that session is over."))
        return redirect("sessions")
    rows = [
        {"session": one, "device": own_sessions.device(one.browser), "is_current": one.key == current} for one in own
    ]
    rows.sort(key=lambda row: not row["is_current"])
    return admin_response(request, "login/sessions.html", {"title": gettext("Sessions"), "rows": rows})
