"""The pages of an upload: choose a file, look at the preview, then confirm exactly that, or cancel."""

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy

from customers.core.pages import admin_page, admin_response, sent_by_form
from customers.editing.form_keys import KEY, answer_once
from customers.feeds.declarations import FEEDS
from customers.jobs.pages import failures_told
from customers.models import FeedName, ImportRun, Upload
from customers.text.say import english, say
from customers.uploads import uploads
from customers.uploads.formats import ENDINGS
from customers.uploads.limit import too_large
from customers.uploads.preview import CREATED, KINDS, MISSING, QUARANTINED, UPDATED
from customers.workbooks.xml_part import NotTaken

ROWS_PER_PAGE = 50
_BUSY = gettext_lazy("An import is running; the upload is kept: try again when it has ended.")
_MAY_UPLOAD = ("customers.view_importrun", "customers.upload_importrun")
_LABELS = {
    QUARANTINED: gettext_lazy("Quarantined"),
    MISSING: gettext_lazy("No longer in the file"),
    UPDATED: gettext_lazy("Updated"),
    CREATED: gettext_lazy("Created"),
}


class UploadForm(forms.Form):
    """A feed and its file."""

    feed = forms.ChoiceField(label=gettext_lazy("Feed"), choices=FeedName.choices)
    file = forms.FileField(
        label=gettext_lazy("File"),
        # A browser knows only the last part of .csv.gz.
        widget=forms.FileInput({"accept": ",".join([*ENDINGS, ".gz"]), "aria-describedby": "what-is-taken"}),
    )


@admin_page(*_MAY_UPLOAD)
def upload_file(request: HttpRequest) -> HttpResponse:
    """Ask for a file; once sent, store it and show its preview. List the uploads that wait for a decision."""
    asked = request.GET.get("feed", "")
    first = {"feed": asked} if asked in FEEDS else {}
    is_sent = request.method == "POST"
    form = UploadForm(request.POST if is_sent else None, request.FILES if is_sent else None, initial=first)
    if refused := too_large(request):
        form.errors["file"] = form.error_class([refused])
    elif form.is_valid():
        try:
            upload = uploads.receive(
                FEEDS[form.cleaned_data["feed"]], form.cleaned_data["file"], request.user.get_username()
            )
        except NotTaken as refusal:
            form.add_error("file", str(refusal))
        except OSError as error:
            why = say("The file cannot be stored here: {why}. Tell the operator.", why=str(error.strerror))
            form.add_error("file", why)
        else:
            return _received(request, upload)
    context = {
        "title": gettext("Upload a file"),
        "form": form,
        "endings": ENDINGS,
        "limit": settings.UPLOAD_MAX_MB,
        "waiting": Upload.objects.filter(run=None),
    }
    return admin_response(request, "customers/uploads/form.html", context)


def _received(request: HttpRequest, upload: Upload) -> HttpResponse:
    """Make the preview of an upload; where the same form was sent before, lead to the first upload."""
    own = redirect("customers:upload", upload.pk)
    answer = answer_once(request, lambda: own) if KEY in request.POST else own
    if answer is own:
        _preview_and_tell(request, upload)
    else:
        uploads.discard(upload, english("sent twice: removed again"))
    return answer


@admin_page(*_MAY_UPLOAD)
def show_upload(request: HttpRequest, pk: int) -> HttpResponse:
    """Show an upload's preview: its counts, and the rows of one kind, page by page."""
    upload = get_object_or_404(Upload.objects.select_related("run"), pk=pk)
    if upload.run:
        messages.info(request, say("{file} was loaded by this run.", file=upload.file))
        return redirect("admin:customers_importrun_change", upload.run.pk)
    feed = FEEDS[upload.feed]
    rows = {kind: uploads.rows_of(upload, kind) for kind in _LABELS}
    kind = request.GET.get("rows", "")
    if kind not in KINDS:
        kind = next((kind for kind in rows if rows[kind]), CREATED)
    context = {
        "title": say("Preview of {file}", file=upload.file),
        "upload": upload,
        "feed": feed,
        "called": feed.model._meta.verbose_name_plural,
        "scope": dict(ImportRun.Scope.choices).get(scope := upload.preview.get("scope", ""), scope),
        "kind": kind,
        "tabs": [(name, _LABELS[name], len(rows[name])) for name in _LABELS if rows[name]],
        "label": _LABELS[kind],
        "page": Paginator(rows[kind], ROWS_PER_PAGE).get_page(request.GET.get("page")),
    }
    return admin_response(request, "customers/uploads/page.html", context)


@admin_page(*_MAY_UPLOAD)
@sent_by_form(lambda pk: reverse("customers:upload", args=[pk]))
def preview_upload(request: HttpRequest, pk: int) -> HttpResponse:
    """Make the preview again, or for the first time."""
    _preview_and_tell(request, get_object_or_404(Upload, pk=pk, run=None))
    return redirect("customers:upload", pk)


@admin_page(*_MAY_UPLOAD)
@sent_by_form(lambda pk: reverse("customers:upload", args=[pk]))
def confirm_upload(request: HttpRequest, pk: int) -> HttpResponse:
    """Load the file of the preview, and show the run."""
    with failures_told(request, uploads.NotLoaded, busy=str(_BUSY)):
        run = uploads.confirm(
            pk,
            request.POST.get("sha256", ""),
            request.POST.get("seen", ""),
            request.user.get_username(),
            force="force" in request.POST,
            allow_misread="insist" in request.POST,
        )
        if run.status == ImportRun.Status.LOADED:
            messages.success(request, say("{file} was loaded by run {run}.", file=run.file, run=str(run.pk)))
        else:
            why = say("{file} was not loaded; the upload is kept: {why}", file=run.file, why=run.reason)
            messages.error(request, why)
        return redirect("admin:customers_importrun_change", run.pk)
    there = Upload.objects.filter(pk=pk).exists()
    return redirect("customers:upload", pk) if there else redirect("customers:upload-file")


@admin_page(*_MAY_UPLOAD)
@sent_by_form(lambda pk: reverse("customers:upload", args=[pk]))
def cancel_upload(request: HttpRequest, pk: int) -> HttpResponse:
    """Remove the upload; nothing of it was loaded."""
    upload = Upload.objects.filter(pk=pk, run=None).first()
    with failures_told(request, busy=str(_BUSY)):
        if upload:
            uploads.cancel(upload)
            done = say("{file} was removed; nothing of it was loaded.", file=upload.file)
        else:
            done = gettext("It is gone already.")
        messages.info(request, done)
        return redirect("customers:upload-file")
    return redirect("customers:upload", pk)


def _preview_and_tell(request: HttpRequest, upload: Upload) -> None:
    try:
        with failures_told(request, busy=str(_BUSY)):
            uploads.make_preview(upload, request.user.get_username())
    except OSError as error:
        why = say("The preview cannot be stored: {why}. Tell the operator.", why=str(error.strerror))
        messages.error(request, why)
