"""Django's users and groups in the admin's theme."""

from collections.abc import Callable

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.db.models import ManyToManyField, Model
from django.forms import ModelMultipleChoiceField
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from customers.editing.model_admin import ModelAdmin
from customers.text.say import say

admin.site.unregister([User, Group])
_NAMES: dict[str, Callable[[str], str]] = {
    "add": lambda model: say("Can add {model}", model=model),
    "change": lambda model: say("Can change {model}", model=model),
    "delete": lambda model: say("Can delete {model}", model=model),
    "view": lambda model: say("Can view {model}", model=model),
}


class PermissionField(ModelMultipleChoiceField):  # type: ignore[type-arg]  # no generic at runtime
    """A choice of permissions by name; Django puts the names of app and model before it."""

    def label_from_instance(self, obj: Permission) -> str:
        """Return the name; Django's own names of what may be done with rows are the same of all models."""
        action, _, name = obj.codename.partition("_")
        model = obj.content_type.model_class()
        if model is None or name != model._meta.model_name or action not in _NAMES:
            return gettext(obj.name)
        return _NAMES[action](str(model._meta.verbose_name))


class NamesPermissions(ModelAdmin):
    """An admin whose form offers permissions by name."""

    def formfield_for_manytomany(
        self, db_field: "ManyToManyField[Model, Model]", request: HttpRequest, **options: object
    ) -> "ModelMultipleChoiceField[Model]":
        """Return a form's field for many rows."""
        if db_field.related_model is Permission:
            options["form_class"] = PermissionField
        return super().formfield_for_manytomany(db_field, request, **options)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, NamesPermissions):  # type: ignore[misc, type-arg]  # both know the same admin
    """Django's users in our theme."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Change the password and write its entry in the audit in one transaction."""
        with transaction.atomic():
            return super().user_change_password(request, id, form_url)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, NamesPermissions):  # type: ignore[misc]  # both know the same admin
    """Django's groups in our theme."""
