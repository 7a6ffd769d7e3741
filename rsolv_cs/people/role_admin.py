"""Roles: those that come with the tool are shown and copied, one's own are made, changed and deleted."""

from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from customers.admin.users import GroupAdmin
from customers.core.pages import StaffRequest, admin_response
from customers.core.roles import Role, role_label
from customers.text.say import say
from rsolv_cs.people.forms import RoleNameForm

admin.site.unregister(Group)


def is_built_in(role: object) -> bool:
    """Return whether a role comes with the tool."""
    return isinstance(role, Group) and role.name in set(Role)


@admin.register(Group)
class RoleAdmin(GroupAdmin):
    """Roles; every migration puts the built-in ones right, so nobody changes them here."""

    list_display = ["named", "kind"]
    list_before_template = "people/roles.html"  # type: ignore[assignment]  # the theme types it as None
    change_form_before_template = "people/built_in.html"  # type: ignore[assignment]  # the same
    actions_detail = ["copy"]  # type: ignore[assignment]  # unfold declares the empty tuple

    class Media:
        css = {"all": ["rsolv_cs/people.css"]}

    @admin.display(description=_("name"), ordering="name")
    def named(self, role: Group) -> str:
        """Return the name, of a built-in role in the reader's language."""
        return role_label(role.name)

    @display(description=_("kind"), label={"built_in": "info", "own": "default"})  # type: ignore[arg-type]  # the theme types it as str
    def kind(self, role: Group) -> tuple[str, str]:
        """Return whether it comes with the tool, as a pill."""
        return ("built_in", gettext("Built in")) if is_built_in(role) else ("own", gettext("Own"))

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Not of a built-in role."""
        return not is_built_in(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Not of a built-in role."""
        return not is_built_in(obj) and super().has_delete_permission(request, obj)

    def has_copy_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """For who may add roles."""
        return self.has_add_permission(request)

    @action(description=_("Copy as own role"), url_path="copy", permissions=["copy"])  # type: ignore[operator, arg-type]  # it decorates
    def copy(self, request: StaffRequest, object_id: str) -> HttpResponse:
        """Ask for a name; when sent, make a role with the same permissions."""
        role = self.get_object(request, object_id)
        if not isinstance(role, Group):
            raise Http404(gettext("There is no such role."))
        if not self.has_view_permission(request, role):
            raise PermissionDenied
        form = RoleNameForm(
            request.POST if request.method == "POST" else None, initial={"name": say("{name} (own)", name=role.name)}
        )
        if request.method == "POST" and form.is_valid():
            with transaction.atomic():
                own = Group.objects.create(name=form.cleaned_data["name"])
                own.permissions.set(role.permissions.all())
            messages.success(
                request, say("{own} may do what {role} may. Change it as you need.", own=own.name, role=role.name)
            )
            return redirect("admin:auth_group_change", own.pk)
        context = {"title": gettext("Copy role"), "form": form, "role": role}
        return admin_response(request, "people/copy_role.html", context, status=422 if form.errors else 200)
