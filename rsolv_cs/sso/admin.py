"""What Administrators do about the link between an account and a person of the provider: end it."""

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from customers.core.pages import StaffRequest, admin_response
from customers.models import ProviderIdentity
from customers.text.numbers import number_or_none
from customers.text.say import say
from rsolv_cs.login.admin import UserWithFactorAdmin
from rsolv_cs.sso.accounts import unlink


class LinkedUserAdmin(UserWithFactorAdmin):
    """Users, and the end of their link to the provider, where that has another name for them now."""

    actions_detail = ["reset_second_factor", "unlink_provider"]

    def has_unlink_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """For who may change users, of somebody who is linked."""
        linked = ProviderIdentity.objects.filter(user=number_or_none(str(object_id)))
        return request.user.has_perm("auth.change_user") and linked.exists()

    @action(description=_("Unlink single sign-on"), url_path="unlink", permissions=["unlink"])  # type: ignore[operator, arg-type]  # it decorates
    def unlink_provider(self, request: StaffRequest, object_id: str) -> HttpResponse:
        """Ask first; when sent, end the link and the sessions."""
        person = self.get_object(request, object_id)
        if not isinstance(person, User):
            raise Http404(gettext("There is no such user."))
        back = redirect(f"{self.admin_site.name}:auth_user_change", person.pk).url
        if request.method == "POST":
            unlink(person)
            messages.success(request, say("{login} is not linked any more.", login=person.get_username()))
            return redirect(back)
        context = {
            "title": gettext("Unlink single sign-on"),
            "person": person,
            "back": back,
            "identities": person.identities.all(),
        }
        return admin_response(request, "sso/unlink.html", context)
