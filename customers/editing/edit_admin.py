"""The admin's forms: they merge what two people change in one row, and say who deleted it."""

import copy
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from http import HTTPStatus

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from unfold.admin import ModelAdmin as ThemedAdmin

from customers.audit import trail
from customers.core.pages import admin_response
from customers.editing.conflicts import VERSION, EditConflictMixin, form_status, tell_kept
from customers.editing.form_keys import answer_once
from customers.editing.last_changes import YOU, actor_names, ago, is_by_form
from customers.editing.values import rows_hash, value_text
from customers.models import AuditEntry
from customers.text.say import say, say_html

MAX_CHANGES_TOLD = 5


class EditAdmin(ThemedAdmin):
    """The theme's admin, whose forms and deletions overwrite nothing that somebody else has changed."""

    def __init__(self, model: type[Model], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        if not issubclass(self.form, EditConflictMixin):
            bases = (EditConflictMixin, self.form)
            self.form = type(self.form)(self.form.__name__, bases, {})  # type: ignore[misc]  # a class is made here

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Model | None:
        """Return the row. Lock it first where it is about to be changed, so that the form is compared with it."""
        row = super().get_object(request, object_id, from_field)
        if row is not None and request.method == "POST" and connection.in_atomic_block:
            self.model._base_manager.select_for_update().filter(pk=row.pk).first()
            row = super().get_object(request, object_id, from_field)
        return row

    def changeform_view(  # type: ignore[override]  # the theme's says less than Django's, which also redirects
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, object] | None = None,
    ) -> HttpResponse:
        """Show or take the form; the status tells a conflict, or a row that is gone."""
        changeform_view = super().changeform_view

        def show() -> HttpResponse:
            answer: HttpResponse = changeform_view(request, object_id, form_url, extra_context)
            return answer

        if request.method != "POST":
            return show()
        send: Callable[[], HttpResponse]
        if object_id is None:
            send = partial(answer_once, request, show)
        else:
            send = partial(self._change, request, object_id, show)
        try:
            return send()
        except IntegrityError:
            # Somebody has just stored what may exist once only: the second time the form says so.
            return send()

    def _change(self, request: HttpRequest, object_id: str, show: Callable[[], HttpResponse]) -> HttpResponse:
        key = unquote(object_id)
        with transaction.atomic():
            if self.has_change_permission(request) and self.get_object(request, key) is None:
                return self._gone(request, key)
            answer = show()
        context = answer.context_data if isinstance(answer, TemplateResponse) else None
        if context and "adminform" in context and form_status(context["adminform"].form) == HTTPStatus.CONFLICT:
            answer.status_code = HTTPStatus.CONFLICT
        return answer

    def save_model(self, request: HttpRequest, obj: Model, form: forms.Form, change: bool) -> None:
        """Store the row, and tell which fields keep what somebody else has stored."""
        if change:
            super().save_model(request, obj, form, change)
            tell_kept(request, form)
        else:
            # Never an update of a row whose key somebody else has just stored.
            obj.save(force_insert=True)

    def _gone(self, request: HttpRequest, key: str) -> HttpResponse:
        """Answer that the row is gone: who deleted it, and the texts that were typed."""
        fields = self.get_form(request, None, change=True).base_fields
        name = str(self.opts.verbose_name)
        back = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        return gone_page(request, self.model(pk=key), name, typed_texts(fields, request.POST), back)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        """Delete a row, or ask again where it has changed since it was shown."""
        if request.method != "POST":
            return super().delete_view(request, object_id, extra_context)
        with transaction.atomic():
            row = self.get_object(request, unquote(object_id))
            if row is not None and self.has_delete_permission(request, row) and warn_if_changed(request, [row]):
                return super().delete_view(asked_again(request), object_id, extra_context)
            return super().delete_view(request, object_id, extra_context)


# --- Rows that changed, or are gone, meanwhile ----------------------------------------------------------------------


def warn_if_changed(request: HttpRequest, rows: Sequence[Model]) -> bool:
    """Return whether rows have changed since their deletion was asked about, and tell who changed them.

    Where the form does not say what it showed, a recent change by somebody else counts.
    """
    seen = request.POST.get(VERSION)
    if not rows or (seen is not None and seen == rows_hash(rows)):
        return False
    me = trail.current_actor()
    entries = [
        each for each in trail.recent_changes(*rows) if seen is not None or (is_by_form(each) and each.actor != me)
    ]
    if seen is None and not entries:
        return False
    people = actor_names(entries)
    for each in entries[:MAX_CHANGES_TOLD]:
        messages.warning(request, _told(each, people[each.actor]))
    messages.warning(request, gettext("This has changed since you were asked: look again before you delete it."))
    return True


def _told(change: AuditEntry, who: str) -> str:
    """Return who changed what, and how as far as the audit says it."""
    said = {"what": change.subject, "ago": ago(change.at), "who": who, "how": change.text}
    if who == YOU:
        return (
            say("You changed {what} {ago}: {how}", **said) if change.text else say("You changed {what} {ago}.", **said)
        )
    if change.text:
        return say("{who} changed {what} {ago}: {how}", **said)
    return say("{who} changed {what} {ago}.", **said)


def asked_again(request: HttpRequest) -> HttpRequest:
    """Return a copy of the request that confirms nothing."""
    again = copy.copy(request)
    data = request.POST.copy()
    data.pop("post", None)
    again.POST = QueryDict(data.urlencode())
    if "action" not in data:
        again.method, again.POST = "GET", QueryDict()
    return again


def typed_texts(fields: Mapping[str, forms.Field], data: QueryDict) -> list[tuple[str, str]]:
    """Return what was typed into a form, by the fields' labels, but for passwords."""
    texts = []
    for name, field in fields.items():
        if isinstance(field.widget, forms.PasswordInput) or field.disabled:
            continue
        value = field.widget.value_from_datadict(data, {}, name)
        with suppress(ValidationError):
            value = field.clean(value)
        if text := value_text(field, value):
            texts.append((str(field.label or name.replace("_", " ")), text))
    return texts


def _deleted(entry: AuditEntry) -> SafeString:
    """Return who deleted what, and when."""
    who = actor_names([entry])[entry.actor]
    if who == YOU:
        return say_html("You deleted <bdi>{what}</bdi> {ago}.", what=entry.subject, ago=ago(entry.at))
    return say_html("{who} deleted <bdi>{what}</bdi> {ago}.", who=who, what=entry.subject, ago=ago(entry.at))


def gone_page(
    request: HttpRequest,
    row: Model | None,
    name: str,
    texts: list[tuple[str, str]],
    back: str,
) -> HttpResponse:
    """Answer a form whose row is gone: who deleted it and when, and what was typed, to be copied."""
    deleted = trail.recent_changes(row).filter(action=trail.Action.DELETE).first() if row is not None else None
    context = {
        "title": say("This {name} is no longer there", name=name),
        "said": _deleted(deleted) if deleted else gettext("Somebody has deleted it."),
        "texts": texts,
        "back": back,
    }
    return admin_response(request, "customers/editing/row_gone.html", context, status=HTTPStatus.GONE)
