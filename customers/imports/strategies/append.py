"""The strategy for a file that begins with the base run's file, byte by byte: it judges what follows."""

from customers.archive.files import Beginning
from customers.feeds.reader import CsvReader
from customers.imports.strategies.base import CannotShortcut, LoadStrategy, Staged
from customers.imports.strategies.base_run import loaded_keys_are_lowercase, repeats_known_keys
from customers.imports.strategies.stager import Stager
from customers.models import ImportRun


class AppendStrategy(LoadStrategy):
    """Stages the rows behind those of the base run."""

    name = "append"

    def __init__(self, base: ImportRun) -> None:
        self.base = base

    def stage(self, source: CsvReader, stager: Stager) -> Staged:
        """Stage the new rows; a bad one, or one with a known key, cannot be judged without the others."""
        base, feed, run = self.base, stager.file.feed, stager.file.run
        digest = source.skip(base.size, base.lines)
        if not digest or digest.hexdigest() != base.sha256:
            raise CannotShortcut("another beginning")
        with stager.reading(source):
            header = stager.read_header_again()
            source.line_pattern = stager.begin(header)
            stager.stage(header, source.blocks(), skipped_rows=base.rows)
        if run.quarantined_rows.exists():
            raise CannotShortcut("a bad row behind the beginning")
        if repeats_known_keys(feed, run):
            raise CannotShortcut("a known key")
        lowercase, beginning = loaded_keys_are_lowercase(feed, base), Beginning(base, digest)
        return Staged(base.rows, base.repeats, lowercase, all_new=True, extends=beginning)
