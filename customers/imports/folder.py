"""The nightly import: the files of a folder, a run for each feed."""

from collections.abc import Sequence
from pathlib import Path

from customers.archive import files as archive
from customers.core.dry_run import rolled_back
from customers.feeds.declarations import FEEDS, Feed
from customers.feeds.drop_folder import files_like, find_file
from customers.feeds.reader import Refused
from customers.imports import onboarding
from customers.imports.interface import Options, Outcome
from customers.imports.load import FeedRun, feeds_to_retry
from customers.jobs.lock import JobLock, job_lock
from customers.models import FeedName, ImportRun
from customers.text.say import english, in_english


def import_folder(
    folder: Path, names: Sequence[str] | None, options: Options, *, dry_run: bool = False
) -> list[Outcome]:
    """Load the feeds of ``folder`` in key order: those of ``names``, or the required and the optional ones there.

    Raises ``LockHeld`` while another import runs. A refused or failed feed does not stop the others.
    With ``dry_run`` all feeds are loaded, one on the other, and that is rolled back.
    """
    with job_lock("import") as lock, in_english():  # What runs say is stored.
        if dry_run:
            with rolled_back():
                return _load_all(folder, names, options, lock, keep=False)
        outcomes = _load_all(folder, names, options, lock, keep=True)
        archive.expire()
        return outcomes


def _load_all(
    folder: Path, names: Sequence[str] | None, options: Options, lock: JobLock, *, keep: bool
) -> list[Outcome]:
    files, warnings = _find_files(folder, names)
    loading = [feed.name for feed, path, _reason in files if path]
    onboarding.date_sightings()
    feed_runs, outcomes = [], []
    for feed, path, why_no_file in files:
        run = ImportRun(feed=feed.name, file=path.name if path else feed.file_name, started_by=options.started_by)
        run.warnings, warnings = warnings, []
        feed_runs.append(FeedRun(feed, run, lock, feeds_to_retry(feed, loading)))
        feed_runs[-1].load(path, options, why_no_file=why_no_file, keep=keep)
        outcomes.append(feed_runs[-1].outcome(keep=keep))
    if outcomes and outcomes[0].loaded and outcomes[0].feed == FeedName.CUSTOMERS:
        refused = [outcome.feed for outcome in outcomes if not outcome.loaded and outcome.feed in loading]
        outcomes[0].retried = feed_runs[0].retry_waiting_of(refused)
    onboarding.date_sightings()
    return outcomes


def _find_files(folder: Path, names: Sequence[str] | None) -> tuple[list[tuple[Feed, Path | None, str]], list[str]]:
    """Return each feed to load with its file or why it has none, and warnings of similar files."""
    files: list[tuple[Feed, Path | None, str]] = []
    passed_over = []
    for feed in (feed for name, feed in FEEDS.items() if names is None or name in names):
        path, reason, like = None, "", ""
        try:
            path = find_file(folder, feed.file_name)
        except Refused as refusal:
            reason = str(refusal)
        if not path and not reason and (like := files_like(folder, feed)):
            like = english(f"; found {like}")
        if path or reason or feed.required or names is not None:
            files.append((feed, path, reason or english(f"{feed.file_name} is missing{like}")))
        elif like:
            passed_over.append(english(f"{feed.file_name} is missing{like}, which is not read"))
    return files, passed_over
