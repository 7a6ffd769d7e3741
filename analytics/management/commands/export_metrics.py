"""``manage.py export_metrics``: write the archive of a scored date."""

from argparse import ArgumentParser
from datetime import date
from pathlib import Path

from django.core.management.base import CommandError
from django.utils.translation import gettext, gettext_lazy

from analytics.models import PortfolioDay
from analytics.portfolio.metrics_export import export_to
from analytics.wording import counted
from customers.core.storage import areas
from customers.core.storage.folder import ExportFolder
from customers.jobs.commands import AuditedCommand, usage_error
from customers.text.say import in_english, say


class Command(AuditedCommand):
    """Translates a folder and a date to ``export_to_folder``."""

    busy = gettext_lazy("An import or a scoring is running; nothing was exported.")
    about = gettext_lazy(
        "Write rsolv_metrics_<date>.zip: the feeds as CSV, combined_metrics.csv and manifest.json. "
        "Exit code: 0 written, 1 nothing is scored yet or the folder cannot be written, 2 usage, "
        "75 an import or a scoring is running."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--out", type=Path, metavar="DIR", help=gettext("where to (default: EXPORT_DIR, or STORAGE_URL)")
        )
        parser.add_argument(
            "--as-of", type=date.fromisoformat, metavar="DATE", help=gettext("a scored date (default: the newest)")
        )

    def handle(self, *, out: Path | None, as_of: date | None, **options: object) -> None:
        portfolio = _portfolio(as_of)
        area = ExportFolder(out) if out else areas.exports()
        try:
            with in_english():
                stored = export_to(area, portfolio)
        except OSError as error:
            raise CommandError(f"{area.label()}: {error.strerror or error}") from error
        self.stdout.write(
            say(
                "Exported {customers} as of {day} to {path}.",
                customers=counted(portfolio.listed, "customer"),
                day=portfolio.date,
                path=str(stored),
            )
        )


def _portfolio(day: date | None) -> PortfolioDay:
    if day is None:
        newest = PortfolioDay.objects.newest()
        if newest is None:
            raise CommandError(gettext("No date is scored yet; run import_csvs and score first."))
        return newest
    try:
        return PortfolioDay.objects.select_related("policy").get(date=day)
    except PortfolioDay.DoesNotExist:
        raise usage_error(
            say("{day} is not scored; run `manage.py score --as-of {iso}` first.", day=day, iso=str(day))
        ) from None
