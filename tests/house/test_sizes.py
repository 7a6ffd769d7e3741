"""No file or function is long, in tests and benchmarks too; no folder full, packages tested, and ``Any`` is rare."""

import ast
import re
from pathlib import Path

from tests.support import ROOT

APPS = ("analytics", "customers", "rsolv_cs")
BESIDE = ("tests", "benchmarks")
"""What has the same limits of files and functions; their folders mirror those of the apps."""
MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_FOLDER_MODULES, MAX_ANY = 400, 40, 15, 125
NO_TESTS_OF_THEIR_OWN = {"management", "migrations", "models", "templatetags", "static", "formats"}
"""Django's own packages, which the tests of the others ask."""


def modules(*folders: str) -> list[Path]:
    """The modules of these folders, by default of the apps; migrations stay as Django wrote them."""
    found = [path for folder in folders or APPS for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if "migrations" not in path.parts]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> list[tuple[str, int]]:
    """Each function of a module with its number of lines, decorators aside."""
    return [
        (f"{name_of(path)}: {node.name}", node.end_lineno - node.lineno + 1)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    ]


def test_the_tests_are_measured_too() -> None:
    assert {"tests/conftest.py", "tests/house/test_sizes.py", "benchmarks/pages.py"} <= {
        name_of(path) for path in modules(*BESIDE)
    }


def test_no_file_is_long() -> None:
    long = {name_of(path) for path in modules(*APPS, *BESIDE) if len(path.read_text().splitlines()) > MAX_FILE_LINES}
    assert long == set()


def test_no_function_is_long() -> None:
    long = {name for path in modules(*APPS, *BESIDE) for name, lines in functions(path) if lines > MAX_FUNCTION_LINES}
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
