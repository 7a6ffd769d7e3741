"""The strategy for any file: every row of it is judged."""

from customers.feeds.reader import CsvReader
from customers.feeds.rows import read_header
from customers.imports.strategies.base import LoadStrategy, Staged
from customers.imports.strategies.stager import Stager


class WholeStrategy(LoadStrategy):
    """Stages every row of the file."""

    name = "whole"

    def stage(self, source: CsvReader, stager: Stager) -> Staged:
        file = stager.file
        with stager.reading(source):
            blocks = source.blocks()
            header = read_header(file.feed, source, blocks, corrections=file.options.corrections)
            source.line_pattern = stager.begin(header)
            stager.stage(header, blocks)
        return Staged()
