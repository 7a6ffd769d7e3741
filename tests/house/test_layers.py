"""``rsolv_cs`` stands on ``analytics``, and that on ``customers``; nothing reaches upwards, by whatever name."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings

LAYERS = ("rsolv_cs", "analytics", "customers")
"""From top to bottom."""


def above(package: str) -> tuple[str, ...]:
    """The packages that ``package`` must not know."""
    return LAYERS[: LAYERS.index(package)]


def modules(package: str) -> list[Path]:
    """The modules of a package."""
    return sorted((settings.BASE_DIR / package).rglob("*.py"))


def templates(package: str) -> list[Path]:
    """The templates of a package."""
    places = [settings.BASE_DIR / package / "templates", settings.BASE_DIR / "templates" / package]
    return sorted(path for place in places for path in place.rglob("*") if path.is_file())


def names_in(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of each import, attribute, keyword argument and text of a module, docstrings aside.

    A dotted name and a lookup such as ``snapshots__score`` give each of their parts.
    """
    tree = ast.parse(source)
    documentation = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                found = [alias.name for alias in aliases]
            case ast.ImportFrom(module=module, names=aliases):
                found = [module or "", *(alias.name for alias in aliases)]
            case ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
                found = [name]
            case ast.Constant(value=str(text)) if id(node) not in documentation:
                found = [text]
            case _:
                continue
        line = getattr(node, "lineno", 0)
        for name in found:
            # Neither prose nor the beginning of a longer text is a name.
            if not name.endswith(".") and not any(character.isspace() for character in name):
                for part in name.removeprefix("-").replace("__", ".").split("."):
                    yield line, part


def reverse_names(package: str, owners: tuple[str, ...]) -> set[str]:
    """What the relations of ``owners`` are called on the models of ``package``."""
    names = set()
    for model in apps.get_app_config(package).get_models():
        for relation in model._meta.related_objects:
            if relation.related_model._meta.app_label in owners:
                names |= {relation.get_accessor_name(), relation.field.related_query_name()}
    return names


def test_the_reverse_names_are_found() -> None:
    assert "snapshots" in reverse_names("customers", ("analytics",))
    assert reverse_names("customers", ("customers",)) >= {"care", "onboarding", "engagement", "step_sightings"}


@pytest.mark.parametrize("package", LAYERS)
def test_no_module_names_what_is_above_it(package: str) -> None:
    forbidden = {*above(package), *reverse_names(package, above(package))}
    assert modules(package)
    found = [
        f"{path.relative_to(settings.BASE_DIR)}:{line}: {name}"
        for path in modules(package)
        for line, name in names_in(path.read_text(encoding="utf-8"))
        if name in forbidden
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import analytics", "analytics"),
        ("import analytics.scoring.score as s", "analytics"),
        ("from analytics.models import Snapshot", "analytics"),
        ("def later():\n    from analytics import models", "analytics"),
        ("apps.get_model('analytics', 'Snapshot')", "analytics"),
        ("apps.get_model('analytics.Snapshot')", "analytics"),
        ("import_module('analytics.scoring.score')", "analytics"),
        ("customer.snapshots.all()", "snapshots"),
        ("Customer.objects.filter(snapshots=1)", "snapshots"),
        ("Customer.objects.filter(snapshots__score__gt=1)", "snapshots"),
        ("Onboarding.objects.filter(customer__snapshots__score=1)", "snapshots"),
        ("Customer.objects.order_by('-snapshots__score')", "snapshots"),
        ("Customer.objects.prefetch_related('snapshots')", "snapshots"),
        ("F('customer__snapshots__score')", "snapshots"),
        ("getattr(customer, 'snapshots')", "snapshots"),
    ],
)
def test_each_way_of_naming_it_is_seen(source: str, name: str) -> None:
    assert name in {found for _line, found in names_in(source)}


@pytest.mark.parametrize(
    "source",
    [
        '"""What analytics hears."""',
        "def f():\n    '''snapshots'''",
        "# snapshots",
        "message = 'the snapshots of a day'",
        "snapshots_kept = 1",
        "self.data_analytics",
        "lock = f'analytics.{job}'",
    ],
)
def test_what_only_looks_like_it_is_left_alone(source: str) -> None:
    assert not {"analytics", "snapshots"} & {found for _line, found in names_in(source)}


def test_no_template_of_the_customers_names_a_reverse_accessor() -> None:
    forbidden = reverse_names("customers", ("analytics",))
    found = [
        f"{path.relative_to(settings.BASE_DIR)}: {name}"
        for path in templates("customers")
        for name in forbidden
        if f".{name}" in path.read_text(encoding="utf-8")
    ]
    assert found == []
