"""Files that were delivered before: the ledger knows each by the SHA-256 of what it says, unpacked."""

from django.utils import timezone

from customers.models import ImportRun
from customers.text.quoted import quoted


def old_delivery(run: ImportRun) -> str:
    """Which earlier file of the feed the one of ``run`` is, where a newer one has been loaded since; '' if none.

    Undone runs do not count. The very file that was loaded last is no old one.
    """
    accepted = ImportRun.objects.accepted().filter(feed=run.feed).order_by("-pk")
    newest = accepted.first()
    if newest is None or newest.content_sha256 == run.content_sha256:
        return ""
    same = accepted.filter(content_sha256=run.content_sha256).first()
    if same is None:
        return ""
    return (
        f"it is the file that {_named(same)} has loaded ({quoted(same.file)}), and a newer one was loaded since, "
        f"by {_named(newest)}"
    )


def _named(run: ImportRun) -> str:
    return f"run {run.pk} of {timezone.localtime(run.started_at):%-d %b %Y, %H:%M}"
