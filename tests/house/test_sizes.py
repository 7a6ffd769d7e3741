"""No file or function is long, no folder full, each package has its tests, and ``Any`` is rare."""

import ast
import re
from pathlib import Path

from tests.support import ROOT

APPS = ("analytics", "customers", "rsolv_cs")
MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_FOLDER_MODULES, MAX_ANY = 400, 40, 15, 120
NO_TESTS_OF_THEIR_OWN = {"management", "migrations", "models", "templatetags", "static", "formats"}
"""Django's own packages, which the tests of the others ask."""


def modules() -> list[Path]:
    return [path for app in APPS for path in sorted((ROOT / app).rglob("*.py")) if "migrations" not in path.parts]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> list[tuple[str, int]]:
    """Each function of a module with its number of lines, decorators aside."""
    return [
        (f"{name_of(path)}: {node.name}", node.end_lineno - node.lineno + 1)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    ]


def test_no_file_is_long() -> None:
    long = {name_of(path) for path in modules() if len(path.read_text().splitlines()) > MAX_FILE_LINES}
    assert long == set()


def test_no_function_is_long() -> None:
    long = {name for path in modules() for name, lines in functions(path) if lines > MAX_FUNCTION_LINES}
    assert long == set()


def test_no_folder_is_full() -> None:
    folders = {path.parent for path in modules()}
    full = {
        name_of(folder)
        for folder in folders
        if len([path for path in folder.glob("*.py") if path.name != "__init__.py"]) > MAX_FOLDER_MODULES
    }
    assert full == set()


def test_each_package_has_its_tests() -> None:
    packages = {path.parent.relative_to(ROOT) for path in modules() if len(path.parent.relative_to(ROOT).parts) == 2}
    without = {
        str(package)
        for package in packages
        if package.name not in NO_TESTS_OF_THEIR_OWN and not list((ROOT / "tests" / package).rglob("test_*.py"))
    }
    assert without == set()


def test_any_is_rare() -> None:
    lines = [line for path in modules() for line in path.read_text().splitlines() if "import" not in line]
    assert sum(len(re.findall(r"\bAny\b", line)) for line in lines) < MAX_ANY
