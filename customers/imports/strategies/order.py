"""Which strategies are tried for a file, and in which order."""

from customers.imports.strategies.append import AppendStrategy
from customers.imports.strategies.base import LoadStrategy
from customers.imports.strategies.base_run import find_base_run
from customers.imports.strategies.diff import DiffStrategy
from customers.imports.strategies.file_load import FileLoad
from customers.imports.strategies.whole import WholeStrategy


def strategies_for(load: FileLoad) -> list[LoadStrategy]:
    """The strategies to try, the fastest first; the last one takes any file.

    Where a load is forced, or may be of corrections, every row is judged.
    """
    if load.options.force or load.options.corrections:
        return [WholeStrategy()]
    base = find_base_run(load.feed, load.path, load.run.rules)
    return [AppendStrategy(base), DiffStrategy(base), WholeStrategy()] if base else [WholeStrategy()]
