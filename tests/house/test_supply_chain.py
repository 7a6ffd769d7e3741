"""What we take from others: locked by hash, under licences that are known, and each of it used."""

import ast
import re
import subprocess
import sys
import tomllib
from hashlib import sha256
from importlib import metadata
from itertools import pairwise
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders

from docs import licences

ROOT: Path = settings.BASE_DIR
LOCKS = ["requirements.txt", "requirements-alerts.txt", "requirements-watch.txt"]
LOCKS += ["requirements-storage.txt", "requirements-dev.txt"]
EXTRAS = ["alerts", "watch", "storage"]
NAMED = ["Makefile", "rsolv_cs/settings.py", "deploy/gunicorn.conf.py", "deploy/rsolv-web.service"]
"""Where a package may be named that no module imports: the server, and parts that Django imports by name."""


def project() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def declared(*extras: str) -> list[str]:
    """The run-time dependencies of pyproject.toml, by name, and those of the extras."""
    found = [
        *project()["dependencies"],
        *(one for extra in extras for one in project()["optional-dependencies"][extra]),
    ]
    return [re.split(r"[\s\[~=<>!;]", one, maxsplit=1)[0] for one in found]


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


LOCKED = re.compile(
    r"[A-Za-z0-9._-]+==[A-Za-z0-9._+!]+( ; [A-Za-z_' =<>!.0-9()]+)?(\s+--hash=sha256:[0-9a-f]{64})+\s*"
)
"""A package, its version, on which machines, and hashes: no address, no file, and no option that names a server."""


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
        assert LOCKED.fullmatch(one), one


@pytest.mark.parametrize("name", LOCKS)
def test_every_declared_dependency_is_locked(name: str) -> None:
    fewer = {"requirements.txt": 0, "requirements-alerts.txt": 1, "requirements-watch.txt": 2}
    extras = EXTRAS[: fewer.get(name, len(EXTRAS))]
    assert {normal(one) for one in declared(*extras)} <= {normal(one) for one in licences.locked(name)}


def test_the_locks_agree() -> None:
    for less, more in pairwise(map(licences.locked, LOCKS)):
        assert {name: more.get(name) for name in less} == less


def test_without_channels_nothing_of_apprise_is_installed() -> None:
    always = {normal(name) for name in licences.locked()}
    assert not always & {"apprise", "oauthlib", "markdown"}
    # It is imported in one place, once it is known to be there.
    by = [
        path for path in (ROOT / "analytics").rglob("*.py") if re.search(r"^\s+import apprise", path.read_text(), re.M)
    ]
    assert [path.name for path in by] == ["channels.py"]
    assert not re.search(r"^import apprise|^from apprise", by[0].read_text(), re.MULTILINE)


# --- Use ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", declared(*EXTRAS))
def test_every_dependency_is_used(name: str) -> None:
    modules = {module for module, by in metadata.packages_distributions().items() if normal(name) in map(normal, by)}
    assert modules, f"{name} brings no module"
    text = "".join((ROOT / path).read_text() for path in NAMED)
    named = {module for module in modules if re.search(rf"[\"'/]{module}[\"'. ]", text)}
    # PostgreSQL's driver is Django's to import, by the scheme of DATABASE_URL; uvicorn imports what speaks WebSocket.
    assert named or modules & imported() or name in {"psycopg", "websockets"}, f"nothing uses {name}"


@pytest.mark.parametrize("name", declared(*EXTRAS))
def test_every_dependency_says_what_it_is_for(name: str) -> None:
    assert re.search(rf'"{re.escape(name)}[^"]*",\s+# \S', (ROOT / "pyproject.toml").read_text())


# --- Licences -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", licences.locked(licences.WITH_EXTRAS))
def test_every_licence_is_known_and_stands_in_the_list(name: str) -> None:
    found = licences.licence(name)
    assert found, f"{name}: find its licence, and put it into docs/licences.py"
    text = licences.TARGET.read_text().replace(" * |", " |")
    assert f"| {name} | {licences.locked(licences.WITH_EXTRAS)[name]} | {found} |" in text


def test_the_list_is_as_it_would_be_written() -> None:
    assert licences.TARGET.read_text() == licences.page(), "make licences"


def test_nothing_forbids_the_gpl() -> None:
    assert [
        name for name in licences.locked(licences.WITH_EXTRAS) if not licences.is_compatible(licences.licence(name))
    ] == []


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
    assert all(f"--requirement {name}" in text for name in LOCKS)


# --- What others bring along ----------------------------------------------------------------------------------------


def bundled() -> list[tuple[str, str, str]]:
    """The scripts that docs/security.md lists: name, version, and file below ``static``."""
    text = (ROOT / "docs" / "security.md").read_text()
    return re.findall(r"^\| ([^|]+?) \| ([0-9.]+|sha256:\w+) \| [^|]+ \| `([^`]+\.js)` \|", text, re.MULTILINE)


@pytest.mark.parametrize(("name", "version", "file"), bundled(), ids=lambda one: one)
def test_each_bundled_script_is_of_the_version_that_is_listed(name: str, version: str, file: str) -> None:
    found = finders.find(file)
    assert found, f"{file} is gone"
    if version.startswith("sha256:"):
        assert f"sha256:{sha256(Path(found).read_bytes()).hexdigest()}".startswith(version)
        return
    text = Path(found).read_text()
    first = text[:300]
    assert re.search(rf"v?{re.escape(version)}\b", first) or re.search(
        rf'(?i:version)\s*[:=]\s*"{re.escape(version)}"|="{re.escape(version)}"', text
    ), f"{name} has another version"


def test_every_bundled_script_is_listed() -> None:
    """Other projects' scripts stand in folders of their own, or have a licence beside them."""
    found = set()
    for finder in finders.get_finders():
        for path, storage in finder.list([]):
            folder = Path(storage.path(path)).parent
            is_foreign = "vendor" in path or any(folder.glob("LICENSE*"))
            if path.endswith(".js") and is_foreign and "/i18n/" not in path:
                found.add(path)
    by_hand = {path for path in found if path.endswith(".min.js") or path.replace(".js", ".min.js") not in found}
    assert by_hand == {file for _name, _version, file in bundled()}


# --- What installs does not stay ----------------------------------------------------------------------------------


@pytest.mark.full_run
def test_pip_does_not_stay_and_a_second_setup_works(tmp_path: Path) -> None:
    """With an empty lock, which needs no network."""
    makefile = tmp_path / "Makefile"
    makefile.write_text((ROOT / "Makefile").read_text())
    (tmp_path / "requirements.txt").write_text("")
    for _ in range(2):
        made = ["make", "setup", f"PYTHON={sys.executable}", "VENV=venv"]
        done = subprocess.run(made, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        [packages] = tmp_path.glob("venv/lib/python3.*/site-packages")
        left = {path.name.partition("-")[0] for path in packages.glob("*.dist-info")}
        assert not left & {"pip", "setuptools"}
        (tmp_path / "venv" / ".setup").unlink()


def test_the_threat_model_names_tests_that_there_are() -> None:
    named = set(re.findall(r"`(test_\w+\.py)`", (ROOT / "docs" / "security.md").read_text()))
    assert len(named) > 10
    there = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert named - there == set()
