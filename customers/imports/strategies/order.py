"""Which strategies are tried for a file, and in which order."""

from customers.imports.strategies.append import AppendStrategy
from customers.imports.strategies.base import LoadStrategy
from customers.imports.strategies.base_run import find_base_run
from customers.imports.strategies.diff import DiffStrategy
from customers.imports.strategies.file_load import FileLoad
from customers.imports.strategies.fresh import FreshStrategy, fits
from customers.imports.strategies.whole import WholeStrategy


def strategies_for(file: FileLoad) -> list[LoadStrategy]:
    """Return the strategies to try, the fastest first; the last one takes any file.

    Where a load is forced, or may be of corrections, every row is judged.
    """
    if file.options.force or file.options.corrections:
        return [WholeStrategy()]
    if fits(file):
        return [FreshStrategy(), WholeStrategy()]
    base = find_base_run(file.feed, file.path, file.run.rules)
    return [AppendStrategy(base), DiffStrategy(base), WholeStrategy()] if base else [WholeStrategy()]
