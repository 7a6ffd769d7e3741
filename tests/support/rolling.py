"""Whether migrations leave the version before them at work, as docs/upgrading.md promises of a MINOR version."""

import csv
from collections.abc import Iterator

from django.db.migrations import Migration, operations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import Field, ManyToManyField
from django.db.models.fields import NOT_PROVIDED

from tests.support import DATA

SAYS = "beside_the_version_before"
"""By this attribute a migration says why the version before goes on, where its operations do not show it."""
FINE = (
    operations.AddIndex,
    operations.RemoveIndex,
    operations.RenameIndex,
    operations.RemoveConstraint,
    operations.AlterModelOptions,
    operations.AlterModelManagers,
    operations.AlterModelTableComment,
)
Released = dict[str, str]
Models = set[tuple[str, str]]


def releases() -> dict[str, Released]:
    """The last migration of each app in each version that was released, the oldest version first."""
    found: dict[str, Released] = {}
    with (DATA / "released_migrations.csv").open() as file:
        for row in csv.DictReader(file):
            found.setdefault(row["version"], {})[row["app"]] = row["migration"]
    return found


def in_the_way(released: Released) -> Iterator[str]:
    """What stands in the way of the version with these migrations, of those that have come since."""
    loader = MigrationLoader(None)
    known = set(loader.project_state(list(released.items())).models)
    for app, name in loader.graph._generate_plan(loader.graph.leaf_nodes(), at_end=True):
        if app in released and name > released[app]:
            migration = loader.graph.nodes[app, name]
            state = loader.project_state((app, name), at_end=False)
            yield from (f"{app} {name}: {what}" for what in objections(migration, state, known))


def objections(migration: Migration, state: ProjectState, known: Models) -> Iterator[str]:
    """What a migration does that the version before may not bear, which has the ``known`` models alone.

    ``state`` is as it is before the migration, and is changed.
    """
    if getattr(migration, SAYS, ""):
        return
    for operation in migration.operations:
        model = getattr(operation, "model_name_lower", getattr(operation, "name_lower", None))
        if model is None or (migration.app_label, model) in known:
            yield from _of(operation, state, migration.app_label)
        operation.state_forwards(migration.app_label, state)


def _of(operation: Operation, state: ProjectState, app: str) -> Iterator[str]:
    if isinstance(operation, operations.SeparateDatabaseAndState):
        for part in operation.database_operations:
            yield from _of(part, state, app)
    elif isinstance(operation, operations.AddField):
        if not _fills_itself(operation.field):
            yield f"{operation.describe()}: the version before inserts rows without it"
    elif isinstance(operation, operations.AlterField):
        before = state.models[app, operation.model_name_lower].fields[operation.name]
        if not _is_wider(before, operation.field):
            yield f"{operation.describe()}: it may take less than before"
    elif not isinstance(operation, FINE):
        yield operation.describe()


def _fills_itself(field: Field) -> bool:
    return field.null or field.db_default is not NOT_PROVIDED or isinstance(field, ManyToManyField)


def _is_wider(before: Field, after: Field) -> bool:
    """Whether a column takes all that it took, and nothing else is another for the database."""
    if type(before) is not type(after):
        return False
    old, new = _for_the_database(before), _for_the_database(after)
    shorter = (new.pop("max_length", None) or 0) < (old.pop("max_length", None) or 0)
    loses_null = bool(old.pop("null", False)) and not new.pop("null", False)
    new.pop("null", None)
    return not shorter and not loses_null and old == new


def _for_the_database(field: Field) -> dict[str, object]:
    _name, _path, arguments, keywords = field.deconstruct()
    kept = {name: value for name, value in keywords.items() if name not in {*field.non_db_attrs, "default"}}
    return {**kept, "": arguments}
