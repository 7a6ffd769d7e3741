"""Uploads: received, previewed by a dry run of the one loader, then loaded as they were previewed, or cancelled."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.translation import gettext

from customers.audit import trail
from customers.clock import program_today
from customers.core.dry_run import rolled_back
from customers.core.files import is_file, remove
from customers.feeds.declarations import FEEDS, Feed
from customers.imports.checks.misread import MISREAD_SIGN
from customers.imports.fixes import fixes_of
from customers.imports.interface import Options
from customers.imports.load import load_file
from customers.jobs.lock import JobLock, job_lock
from customers.models import ImportRun, Upload
from customers.text.say import english, in_english, say
from customers.uploads import store
from customers.uploads.formats import format_of
from customers.uploads.preview import KINDS, Rows, write_rows

_RECEIVED = "received"
_MAX_NAME = 200
_COUNTS = ("rows", "created", "updated", "unchanged", "quarantined", "retried")


class NotLoaded(Exception):
    """A confirmed upload was not loaded; the message says why, and what to do."""


class LoadedAlready(NotLoaded):
    """The upload was loaded before, by its ``run``."""


def receive(feed: Feed, file: "UploadedFile[bytes]", uploaded_by: str) -> Upload:
    """Store an upload as the CSV that the loader will read, without a preview. Raises ``NotTaken``."""
    store.expire_uploads()
    with store.new_folder() as folder:
        received = folder / _RECEIVED
        store.write(received, file.chunks())
        name = str(file.name)
        upload_format = format_of(received, name)
        target = folder / upload_format.stored_name(feed.file_name)
        notes = upload_format.convert(received, target)
        remove(received)
        upload = Upload(
            feed=feed.name,
            file=upload_format.file_name(name[-_MAX_NAME:]),
            notes=notes,
            folder=folder.name,
            stored_name=target.name,
            sha256=store.sha256_of(target),
            size=target.stat().st_size,
            uploaded_by=uploaded_by,
        )
    try:
        with transaction.atomic():
            upload.save()
            detail = english(f"{feed.name}, {upload.size} bytes, SHA-256 {upload.sha256}")
            trail.record(trail.Action.UPLOAD, upload, actor=uploaded_by, detail=detail)
    except BaseException:
        store.remove_folder(upload.folder)
        raise
    return upload


def make_preview(upload: Upload, asked_by: str) -> None:
    """Load the upload, store what that did, and roll back. Raises ``LockHeld`` while an import runs."""
    with job_lock("import") as lock, store.stored_file(upload).local() as path:
        _preview(upload, path, asked_by, lock)


def confirm(
    pk: int, sha256: str, seen: str, confirmed_by: str, *, force: bool, allow_misread: bool = False
) -> ImportRun:
    """Load the file with this hash if the data are still those of the preview ``seen``; return its run.

    ``force`` loads what the guardrails refused, ``allow_misread`` text that is the old text misread. Raises
    ``LoadedAlready``, ``NotLoaded``, and ``LockHeld`` while an import runs. Where the data have changed since, there
    is a new preview.
    """
    with job_lock("import") as lock:
        upload = Upload.objects.filter(pk=pk).first()
        if upload is None:
            raise NotLoaded(
                gettext("The upload is no longer there: it was cancelled, or is older than a day. Upload it again.")
            )
        if upload.run_id:
            raise LoadedAlready(
                say("{file} was loaded already, by run {run}.", file=upload.file, run=str(upload.run_id))
            )
        with _as_confirmed(upload, sha256, seen) as path:
            if upload.seen != _state(FEEDS[upload.feed]):
                _preview(upload, path, confirmed_by, lock)
                raise NotLoaded(
                    gettext("The data have changed since the preview. This is the new one: look at it again.")
                )
            preview = upload.preview
            if preview["reason"] and not (preview["forceable"] and force):
                raise NotLoaded(gettext("The file is refused, so nothing was loaded."))
            options = _options(confirmed_by, force=bool(preview["reason"]), allow_misread=allow_misread)
            run = load_file(FEEDS[upload.feed], path, upload.file, options, lock, keep=True)
        if run.status == ImportRun.Status.LOADED:
            upload.run = run
            with in_english(), transaction.atomic():  # The audit keeps it.
                upload.save(update_fields=["run"])
                detail = english(f"confirmed; loaded by {run}")
                trail.record(trail.Action.UPLOAD, upload, actor=confirmed_by, detail=detail)
            store.remove_folder(upload.folder)
    return run


@contextmanager
def _as_confirmed(upload: Upload, sha256: str, seen: str) -> Iterator[Path]:
    """Give the upload's file; raises ``NotLoaded`` where it or its preview is not the one confirmed."""
    with store.stored_file(upload).local() as path:
        if not is_file(path) or store.sha256_of(path) != upload.sha256:
            raise NotLoaded(
                gettext("The stored file is no longer the one that was uploaded: cancel this, and upload it again.")
            )
        _check_seen(upload, sha256, seen)
        yield path


def _check_seen(upload: Upload, sha256: str, seen: str) -> None:
    if sha256 != upload.sha256:
        raise NotLoaded(gettext("What you confirmed is another file than this one: look at the preview again."))
    if seen != upload.seen:
        raise NotLoaded(gettext("Somebody has made a new preview since. This is it: look at it again."))


def cancel(upload: Upload) -> None:
    """Remove an upload and its file. Raises ``LockHeld`` while an import runs, which may be loading it."""
    with job_lock("import"):
        discard(upload, english("cancelled; nothing of it was loaded"))


def discard(upload: Upload, why: str) -> None:
    """Remove an upload that nobody can be loading, and its file."""
    with transaction.atomic():
        if Upload.objects.filter(pk=upload.pk, run=None).delete()[0]:
            trail.record(trail.Action.UPLOAD, upload, detail=why)
    store.remove_folder(upload.folder)


def rows_of(upload: Upload, kind: str) -> Rows:
    """Return the rows of one kind of the upload's preview."""
    return Rows(upload, kind)


def _preview(upload: Upload, path: Path, asked_by: str, lock: JobLock) -> None:
    """Dry-run the upload; where it is refused, try once more with ``force``, and show what that would do."""
    feed = FEEDS[upload.feed]
    # Before the dry run, so that a change during it leads to a new preview.
    seen = _state(feed)
    with _dry_run(upload, path, _options(asked_by), lock) as run:
        preview = _preview_of(upload, feed, run)
    if run.status == ImportRun.Status.REFUSED and not run.over_limit:
        with _dry_run(upload, path, _options(asked_by, force=True), lock) as forced:
            if forced.status == ImportRun.Status.LOADED:
                forced_by = english(f"forced by {asked_by}: ")
                forced.warnings = [text for text in forced.warnings if not text.startswith(forced_by)]
                preview = {**_preview_of(upload, feed, forced), "reason": run.reason, "forceable": True}
    upload.preview = preview
    upload.seen = seen
    upload.save(update_fields=["preview", "seen"])


def _options(started_by: str, *, force: bool = False, allow_misread: bool = False) -> Options:
    return Options(started_by, force=force, corrections=True, bounded=True, allow_misread=allow_misread)


@contextmanager
def _dry_run(upload: Upload, path: Path, options: Options, lock: JobLock) -> Iterator[ImportRun]:
    with rolled_back():
        yield load_file(FEEDS[upload.feed], path, upload.file, options, lock, keep=False)


def _preview_of(upload: Upload, feed: Feed, run: ImportRun) -> dict[str, object]:
    """Return the result of a dry run, and write its rows into the preview's files."""
    with in_english():  # What the rows are called is stored.
        if run.status == ImportRun.Status.LOADED:
            with store.new_preview(upload) as folder:
                listed = write_rows(folder, feed, run)
        else:
            store.remove_preview(upload)
            listed = dict.fromkeys(KINDS, 0)
    return {
        **{name: getattr(run, name) for name in _COUNTS},
        "missing": listed["missing"],
        "scope": run.scope,
        "reason": run.reason,
        "warnings": run.warnings,
        "forceable": False,
        "misread": any(MISREAD_SIGN in text for text in run.warnings),
    }


def _state(feed: Feed) -> str:
    """Hash what a preview depends on besides its file: the newest loaded run, the feed's fixes, and the day."""
    newest = ImportRun.objects.filter(status=ImportRun.Status.LOADED).order_by("-pk").values_list("pk", flat=True)
    parts = (newest.first(), sorted(fixes_of(feed).items()), program_today())
    return hashlib.sha256(repr(parts).encode()).hexdigest()
