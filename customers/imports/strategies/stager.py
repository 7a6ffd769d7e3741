"""The rows of a file: good ones come onto the stage, bad ones into quarantine, suppressed ones nowhere."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from customers.archive.erased import ErasedIds
from customers.core.limits import BATCH_SIZE
from customers.core.sql import analyze, copy_lines, copy_rows, execute
from customers.feeds.cell_types import Value
from customers.feeds.declarations import Header
from customers.feeds.fast_path import compile_line_pattern
from customers.feeds.reader import CsvReader, LineBlock, Record
from customers.feeds.rows import in_batches, read_header
from customers.imports import corrections
from customers.imports.checks.guardrails import Guardrails
from customers.imports.checks.misread import Misread
from customers.imports.erased_rows import drop_erased, suppressed_warning
from customers.imports.fixes import has_fixed_line
from customers.imports.quarantine import quarantined_row
from customers.imports.stage import STAGE, create_stage
from customers.imports.strategies.file_load import FileLoad
from customers.models import ImportRun, QuarantinedRow
from customers.text.say import english
from customers.text.written import number

NAMED_COLUMNS = 20


class Stager:
    """Stages the rows of one file; ``misread`` and ``suppressed`` are then what was found of them."""

    def __init__(self, file: FileLoad) -> None:
        self.file = file
        self.guardrails = Guardrails(file.feed, file.run, file.options)
        self.misread: list[list[Misread]] = []
        self.suppressed: set[str] = set()
        create_stage(file.feed)

    @contextmanager
    def reading(self, source: CsvReader) -> Iterator[None]:
        """Note in the run the hash of the whole file, whatever ends the reading, and its lines once all are read."""
        run = self.file.run
        try:
            yield
            run.lines = source.lines
        finally:
            source.read_out()
            run.sha256, run.size, run.content_sha256 = source.sha256, source.size, source.content_sha256

    def read_header_again(self) -> Header:
        """Read the header of a file whose reader is past it."""
        with CsvReader(self.file.path) as beginning:
            return read_header(self.file.feed, beginning, beginning.blocks())

    def begin(self, header: Header) -> re.Pattern[bytes] | None:
        """Take note of the header; return the pattern of its good lines."""
        file, run = self.file, self.file.run
        file.header = header
        if header.unknown:
            left = len(header.unknown) - NAMED_COLUMNS
            more = english(f" and {number(left)} more") if left > 0 else ""
            named = ", ".join(header.unknown[:NAMED_COLUMNS])
            run.warnings.append(english(f"unknown columns are ignored: {named}{more}"))
        run.scope = ImportRun.Scope.CORRECTIONS if header.corrections else ImportRun.Scope.WHOLE
        if header.corrections:
            corrections.create()
        return compile_line_pattern(file.feed, header, file.today)

    def stage(
        self, header: Header, blocks: Iterable[Record | LineBlock], *, skipped_rows: int = 0, skipped_fixed: int = 0
    ) -> None:
        """Stage what is read behind the header, and count it together with ``skipped_rows``.

        ``skipped_fixed`` of the skipped rows have a fix.
        """
        file, run, fixed = self.file, self.file.run, skipped_fixed
        run.rows = skipped_rows
        for batch in in_batches(blocks):
            whole, records = self._split(batch)
            if whole:
                copy_lines(STAGE, header.columns(file.feed), [(block.line, block.raw) for block in whole])
            fixed += sum(record.raw in file.fixes for record in records) if file.fixes else 0
            run.rows += len(records) + sum(block.rows for block in whole)
            self._stage_records(header, records)
        if fixed:
            rows = "rows" if fixed > 1 else "row"
            run.warnings.append(english(f"{fixed} {rows} read as fixed in quarantine, not as written"))
        if file.feed.full:
            execute(f"CREATE INDEX stage_id ON {STAGE} (id)")
        analyze(STAGE)
        if erased := ErasedIds():
            self.suppressed = drop_erased(file.feed, run, header, erased)
        if self.suppressed:
            run.warnings.append(suppressed_warning(run.left_out))

    def _split(self, batch: Sequence[Record | LineBlock]) -> tuple[list[LineBlock], list[Record]]:
        """Split a batch into the blocks of good lines and the records that must be judged one by one."""
        whole: list[LineBlock] = []
        records: list[Record] = []
        for one in batch:
            if isinstance(one, Record):
                records.append(one)
            elif has_fixed_line(one, self.file.fixes):
                records.extend(one.records())
            else:
                whole.append(one)
        return whole, records

    def _stage_records(self, header: Header, records: Sequence[Record]) -> None:
        """Stage the good ones of some records, and quarantine the others."""
        file, feed = self.file, self.file.feed
        good: list[tuple[Value, ...]] = []
        bad: list[QuarantinedRow] = []
        corrected: list[corrections.Corrected] = []
        retained = corrections.retained_rows(feed, header, records)
        self.misread.extend(row.misread for row in retained.values() if row.misread)
        for record in records:
            stays = retained.get(record.line)
            if stays and not (stays.misread and file.options.accepts_misread):
                bad.append(stays.again(file.run, record.line))
                continue
            cells, reasons = file.row_cells(record, header)
            values: list[Value] = []
            if cells:
                values, reasons = feed.parse(cells, file.today)
                # A misreading is never remembered as a fix, not even where it is allowed.
                corrected.extend(() if stays else corrections.of_record(header, record, cells))
            if reasons:
                bad.append(quarantined_row(feed, file.run, header, record, cells, reasons))
            else:
                good.append((record.line, *values))
        copy_rows(STAGE, ["line", *feed.column_names], good)
        self.guardrails.count(bad)
        QuarantinedRow.objects.bulk_create(bad, batch_size=BATCH_SIZE)
        corrections.note(corrected)
