"""One public name, one meaning: no function or class of an app has the name of another one of it.

``CONVENTIONAL`` has what a convention names alike on purpose.
"""

import ast
from collections import defaultdict

import pytest

from tests.house.test_sizes import APPS, name_of
from tests.support import ROOT

CONVENTIONAL = {
    "Command": "Django finds a command by this name in its module",
}


def homonyms(app: str) -> dict[str, list[str]]:
    """The public functions and classes at the top of two modules of an app, each with its modules."""
    found = defaultdict(list)
    for path in sorted((ROOT / app).rglob("*.py")):
        if "migrations" not in path.parts:
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                    found[node.name].append(name_of(path))
    return {name: places for name, places in found.items() if len(places) > 1}


@pytest.mark.parametrize("app", APPS)
def test_no_name_has_two_meanings(app: str) -> None:
    assert {name: places for name, places in homonyms(app).items() if name not in CONVENTIONAL} == {}
