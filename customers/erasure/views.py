"""The page that erases a customer: first what will go, then, when the id is typed and sent, the erasure."""

from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse

from customers.core.pages import admin_page, tell_database_error
from customers.erasure.erase import NotErasable, erase, in_words, preview
from customers.jobs.lock import LockHeld
from customers.models import Customer, Erasure


class EraseForm(forms.Form):
    """Asks for the id, so that nobody erases by one click too many."""

    typed = forms.CharField(label="Type the customer's id", widget=forms.TextInput({"autocomplete": "off"}))

    def __init__(self, pk: str, *args: Any) -> None:
        super().__init__(*args)
        self.pk = pk

    def clean_typed(self) -> str:
        """It must be that id, in its own case."""
        if self.cleaned_data["typed"] != self.pk:
            raise forms.ValidationError(f"That is not the id of this customer, {self.pk}.")
        return self.pk


@admin_page("customers.view_customer", "customers.erase_customer")
def erase_customer(request: HttpRequest, pk: str) -> HttpResponse:
    """Ask with the exact counts of a dry run; when sent with the id, erase, and show the dashboard."""
    customer = get_object_or_404(Customer, pk=pk)
    form = EraseForm(customer.pk, *([request.POST] if request.method == "POST" else []))
    try:
        if form.is_valid():
            erasure = erase(customer.pk, request.user.get_username())
            messages.success(request, f"The customer is erased: {in_words(erasure.counts)}.")
            if erasure.state != Erasure.State.DONE:
                messages.warning(request, "Archived files could not be written; the next nightly redacts them.")
            return redirect("admin:index")
        expected = preview(customer.pk)
    except NotErasable as error:
        messages.error(request, str(error))
    except LockHeld:
        messages.error(request, "An import or a scoring is running; try again when it has ended.")
    except Error:
        tell_database_error(request)
    else:
        context = {
            **admin.site.each_context(request),
            "title": f"Erase {customer.organization}",
            "customer": customer,
            "expected": expected,
            "form": form,
        }
        status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else 200
        return TemplateResponse(request, "customers/erasure/page.html", context, status=status)
    return redirect(request.path.removesuffix("erase/") + "change/")
