"""The pages before a login: joining by an invitation, and a forgotten password."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.models import User
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from analytics.mail import message
from customers.core.pages import admin_response
from rsolv_cs.people import forgotten, invitations
from rsolv_cs.people.forms import ForgottenForm
from rsolv_cs.people.links import FIELD, Links


def site_of(request: HttpRequest) -> str:
    """Return where people find the pages: ``SITE_URL``, or where this request found them, as always in DEBUG."""
    here = f"{request.scheme}://{request.get_host()}"
    # There the setting is a guess: a server of one's own may listen on any port.
    return here if settings.DEBUG else settings.SITE_URL or here


def _where_passwords_are(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Let a page be found only where people log in by passwords."""

    @wraps(view)
    def found(request: HttpRequest) -> HttpResponse:
        if settings.OIDC_ONLY:
            raise Http404(gettext("Nobody chooses a password here: people log in by the provider."))
        return view(request)

    return found


@never_cache
@_where_passwords_are
@sensitive_post_parameters()
def join(request: HttpRequest) -> HttpResponse:
    """Let somebody who is invited choose a password; they log in afterwards."""
    return _choose_password(
        request, invitations.LINKS, invitations.joined, gettext("Welcome to RSOLV Customer Success")
    )


@never_cache
@_where_passwords_are
@sensitive_post_parameters()
def new_password(request: HttpRequest) -> HttpResponse:
    """Let somebody who forgot the password choose another one."""
    return _choose_password(request, forgotten.LINKS, forgotten.chosen, gettext("Choose a new password"))


def _choose_password(request: HttpRequest, links: Links, done: Callable[[User], None], title: str) -> HttpResponse:
    link = request.POST.get(FIELD) or request.GET.get(FIELD, "")
    user = links.account_of(link)
    form = SetPasswordForm(user, request.POST if request.method == "POST" else None) if user else None
    if user and form and form.is_valid() and _set_password(user, links, link, form, done):
        logout(request)
        messages.success(request, gettext("Your password is set. Log in with it now."))
        # By way of a page: a form that leads to the login itself looks like one that was sent too late.
        return redirect("start")
    if form is None or form.is_valid():
        context: dict[str, object] = {
            "title": gettext("This link does not work"),
            "is_invitation": links is invitations.LINKS,
        }
        return admin_response(request, "people/link_gone.html", context, status=HTTPStatus.GONE)
    context = {"title": title, "form": form, "person": user, "field": FIELD, "link": link}
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return admin_response(request, "people/choose_password.html", context, status=status)


def _set_password(
    user: User, links: Links, link: str, form: "SetPasswordForm[User]", done: Callable[[User], None]
) -> bool:
    """Store the password, unless the link was used since it was looked at."""
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        if links.account_of(link) is None:
            return False
        form.save()
        done(user)
    return True


@never_cache
@_where_passwords_are
def forgotten_password(request: HttpRequest) -> HttpResponse:
    """Ask for an address, and send a link there; the answer is the same whether or not it is anybody's."""
    form = ForgottenForm(request.POST if request.method == "POST" else None)
    context = {"title": gettext("Forgotten password"), "form": form, "is_mail_on": message.is_on()}
    status = HTTPStatus.OK
    if request.method == "POST" and message.is_on():
        if forgotten.is_too_often(request):
            context["too_often"], status = True, HTTPStatus.TOO_MANY_REQUESTS
        elif form.is_valid():
            forgotten.ask(form.cleaned_data["email"], site_of(request))
            context |= {"sent_to": form.cleaned_data["email"], "hours": settings.PASSWORD_LINK_HOURS}
        else:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
    return admin_response(request, "people/forgotten.html", context, status=status)
