"""CONTRIBUTING.md has a recipe for each common change, and each file and name in it exists."""

import re
from collections.abc import Iterator

import pytest

from tests.support import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text()
RECIPES = dict(re.findall(r"^### (\d+\. .*?)\n(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL))
NOT_OURS = {"gettext", "ngettext", "region", "ALERT_URLS", "migrate"}
"""What a recipe names that no file of ours has: functions of others, an example, a variable, a command of Django."""


def steps(recipe: str) -> list[str]:
    """The numbered steps of a recipe, or its one paragraph."""
    return re.split(r"^\d+\. ", recipe, flags=re.MULTILINE)[1:] or [recipe]


def code_in(step: str) -> list[str]:
    return re.findall(r"`([^`]+)`", step)


def paths_in(step: str) -> list[str]:
    return [code for code in code_in(step) if re.fullmatch(r"[\w./-]+/[\w.-]+\.[a-z]+", code)]


def names_in(step: str) -> Iterator[str]:
    """Names of Python in backticks, those of a call or an example without their arguments."""
    for code in code_in(step):
        if re.fullmatch(r"[A-Za-z_][\w.]*(\(.*\))?", code) and "/" not in code.partition("(")[0]:
            name = code.partition("(")[0]
            if name not in NOT_OURS and not name.endswith((".py", ".md", ".html", ".csv")):
                yield name.rpartition(".")[2]


def missing(step: str) -> list[str]:
    """The files of a step that are not there, and the names that none of its files has."""
    paths = paths_in(step)
    found = [path for path in paths if not (ROOT / path).is_file()]
    text = "\n".join((ROOT / path).read_text() for path in paths if (ROOT / path).is_file())
    return found + [name for name in names_in(step) if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)]


def test_there_is_a_recipe_for_each_common_change() -> None:
    assert [int(title.partition(".")[0]) for title in RECIPES] == list(range(1, 22))


@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_names_what_is_there(title: str) -> None:
    recipe = RECIPES[title]
    assert any(paths_in(step) for step in steps(recipe))
    assert [one for step in steps(recipe) for one in missing(step)] == []


def test_what_is_not_there_is_noticed() -> None:
    assert missing("`customers/feeds/reader.py`: nothing") == []
    assert missing("`customers/read.py`: `Nothing`") == ["customers/read.py", "Nothing"]
    assert missing("`customers/feeds/declarations.py`: `Column(1)`, `FEEDS`, `FEEDS.nowhere`") == ["nowhere"]
