"""What we take from others: locked by hash, under licences that are known, and each of it used."""

import ast
import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from django.conf import settings

from docs import licences

ROOT: Path = settings.BASE_DIR
LOCKS = ["requirements.txt", "requirements-dev.txt"]
NAMED = ["Makefile", "rsolv_cs/settings.py", "deploy/gunicorn.conf.py", "deploy/rsolv-web.service"]
"""Where a package may be named that no module imports: the server, and parts that Django imports by name."""


def project() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def declared() -> list[str]:
    """The run-time dependencies of pyproject.toml, by name."""
    return [re.split(r"[\s\[~=<>!;]", one, maxsplit=1)[0] for one in project()["dependencies"]]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported() -> set[str]:
    """The first part of the name of each module that ours import."""
    found = set()
    for package in ("rsolv_cs", "analytics", "customers"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    found |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found.add(node.module.partition(".")[0])
    return found


def requirements(name: str) -> list[str]:
    """The entries of a lock, each with its hashes."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / name).read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip()]


# --- The lock -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_an_exact_version_and_hashes(name: str) -> None:
    found = requirements(name)
    assert len(found) > 20
    for one in found:
        assert re.match(r"[A-Za-z0-9._-]+==\S+ .*--hash=sha256:[0-9a-f]{64}\b", one), one
        assert not re.search(r"https?:|git\+|file:|--(extra-)?index-url|--trusted-host", one), one


@pytest.mark.parametrize("name", LOCKS)
def test_every_declared_dependency_is_locked(name: str) -> None:
    assert {normal(one) for one in declared()} <= {normal(one) for one in licences.locked(name)}


def test_both_locks_agree() -> None:
    run_time, both = (licences.locked(name) for name in LOCKS)
    assert {name: both.get(name) for name in run_time} == run_time


# --- Use ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", declared())
def test_every_dependency_is_used(name: str) -> None:
    modules = {module for module, by in metadata.packages_distributions().items() if normal(name) in map(normal, by)}
    assert modules, f"{name} brings no module"
    text = "".join((ROOT / path).read_text() for path in NAMED)
    named = {module for module in modules if re.search(rf"[\"'/]{module}[\"'. ]", text)}
    # PostgreSQL's driver is Django's to import, by the scheme of DATABASE_URL.
    assert named or modules & imported() or name == "psycopg", f"nothing uses {name}"


@pytest.mark.parametrize("name", declared())
def test_every_dependency_says_what_it_is_for(name: str) -> None:
    assert re.search(rf'"{re.escape(name)}[^"]*",\s+# \S', (ROOT / "pyproject.toml").read_text())


# --- Licences -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", licences.locked())
def test_every_licence_is_known_and_stands_in_the_list(name: str) -> None:
    found = licences.licence(name)
    assert found, f"{name}: find its licence, and put it into docs/licences.py"
    assert f"| {name} | {licences.locked()[name]} | {found} |" in licences.TARGET.read_text()


def test_the_list_is_as_it_would_be_written() -> None:
    assert licences.TARGET.read_text() == licences.page(), "make licences"


def test_nothing_forbids_the_gpl() -> None:
    assert [name for name in licences.locked() if not licences.is_compatible(licences.licence(name))] == []


@pytest.mark.parametrize(
    ("expression", "compatible"),
    [
        ("MIT", True),
        ("MPL-2.0 AND MIT", True),
        ("BSL-1.1 OR Apache-2.0", True),
        ("MIT AND BSL-1.1", False),
        ("CDDL-1.0", False),
        ("", False),
    ],
)
def test_what_may_be_combined(expression: str, compatible: bool) -> None:
    assert licences.is_compatible(expression) is compatible


def test_an_unclear_licence_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"License": "Do what you like, see LICENSE"}
    monkeypatch.setattr(metadata, "metadata", lambda _name: said)
    assert licences.licence("anything") == ""


def test_the_audit_fails_where_nobody_can_be_asked() -> None:
    # Without --strict, what the service does not know would be skipped, and the audit would pass.
    text = (ROOT / "Makefile").read_text()
    assert re.search(r"pip-audit --strict .*--require-hashes", text)
    assert "exit 1; }\n\nlicences:" in text


def test_the_threat_model_names_tests_that_there_are() -> None:
    named = set(re.findall(r"`(test_\w+\.py)`", (ROOT / "docs" / "security.md").read_text()))
    assert len(named) > 10
    assert {name for name in named if not (ROOT / "tests" / name).exists()} == set()
