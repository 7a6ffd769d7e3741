"""The documentation names every command, option, setting and target, and its links lead somewhere."""

import argparse
import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands, load_command_class

ROOT: Path = settings.BASE_DIR
README = ROOT / "README.md"
COMMANDS = ROOT / "docs" / "commands.md"
OPERATIONS = ROOT / "docs" / "operations.md"
MAX_README_LINES = 150
MAX_OWN_WORDS = 40
OUR_APPS = ("rsolv_cs", "analytics", "customers")
FOLDERS = (*OUR_APPS, "tests", "templates", "docs", "deploy", "fixtures", "benchmarks")


def commands() -> dict[str, list[str]]:
    """Our management commands, and each one's own options by their longest name, positional arguments in capitals."""
    found = {}
    for name, app in sorted(get_commands().items()):
        if app in OUR_APPS:
            parser = argparse.ArgumentParser(add_help=False)
            load_command_class(app, name).add_arguments(parser)
            found[name] = [
                max(action.option_strings, key=len) if action.option_strings else action.dest.upper()
                for action in parser._actions
            ]
    return found


def variables() -> set[str]:
    """The environment variables that settings.py reads: ``environment.<type>("NAME", ...)``.

    A secret may come from a file, too, which ``NAME_FILE`` names.
    """
    tree = ast.parse((ROOT / "rsolv_cs" / "settings.py").read_text())
    read = {
        (node.args[0].value, node.func.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "environment"
        and isinstance(node.args[0], ast.Constant)
    }
    return {name for name, _type in read} | {f"{name}_FILE" for name, of_type in read if of_type == "secret_text"}


def targets() -> list[str]:
    """The Makefile's targets that ``make help`` lists."""
    return re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


def documents() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def links(text: str) -> Iterator[str]:
    """Where the links and images of a Markdown text lead, code aside."""
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    yield from re.findall(r"\]\(<?([^)\s>]+)>?[^)]*\)", prose)
    yield from re.findall(r"""(?:src|href|srcset)=["']([^"']+)["']""", prose)
    yield from re.findall(r"^\[[^\]]+\]:\s+(\S+)", prose, re.MULTILINE)


def anchors(text: str) -> set[str]:
    """What a ``#fragment`` may name: the headings, as GitHub spells them."""
    headings = re.findall(r"^#+ +(.*?)\s*$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_there_is_something_to_name() -> None:
    assert {"import_csvs", "score", "export_metrics", "nightly", "demo"} <= set(commands())
    assert commands()["score"] == ["--as-of", "--from", "--to"]
    assert {"DATABASE_URL", "CSV_DIR", "SECRET_KEY", "DEBUG", "ALLOWED_HOSTS", "TIME_ZONE"} <= variables()
    assert {"run", "test", "lint", "help"} <= set(targets())
    assert list(links("[a](b.md 'c') ![d](<e.png>) `[no](x)` <img src='f.svg'>")) == ["b.md", "e.png", "f.svg"]
    assert anchors("# A *fine* one: `x`\n```\n# no\n```") == {"a-fine-one-x"}


@pytest.mark.parametrize("name", commands())
def test_the_documentation_has_the_command_with_each_of_its_options(name: str) -> None:
    lines = [line for line in COMMANDS.read_text().splitlines() if line.startswith(f"| `manage.py {name}")]
    assert lines, f"docs/commands.md has no line about the command {name}"
    for option in commands()[name]:
        assert any(re.search(rf"{option}(?![a-z-])", line) for line in lines), (
            f"docs/commands.md names {option} on no line about {name}"
        )


@pytest.mark.parametrize("name", sorted(variables()))
def test_the_documentation_names_the_environment_variable(name: str) -> None:
    assert re.search(rf"`{name}[`=]", OPERATIONS.read_text())


@pytest.mark.parametrize("target", targets())
def test_the_documentation_names_the_target(target: str) -> None:
    assert re.search(rf"\bmake {target}(?![a-z-])", COMMANDS.read_text())


def test_the_readme_is_short_and_leads_to_every_document() -> None:
    assert len(README.read_text().splitlines()) <= MAX_README_LINES
    named = {link.partition("#")[0] for link in links(README.read_text())}
    assert {str(document.relative_to(ROOT)) for document in documents()} - named == {"README.md"}


def test_the_glossary_is_short_and_in_order() -> None:
    words = re.findall(r"^\| (?!word \|)(\w[^|]*?) \|", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)
    assert 20 < len(words) <= MAX_OWN_WORDS
    assert words == sorted(words)


def test_the_changelog_has_versions_with_improvements_and_fixes() -> None:
    lines = (ROOT / "CHANGELOG.md").read_text().splitlines()
    assert lines[0].startswith("# ")
    assert [line for line in lines if line.startswith("## ")]
    kinds = {line for line in lines if line.startswith("### ")}
    assert kinds
    assert kinds <= {"### Improvements", "### Fixes"}


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    for link in links(document.read_text()):
        if re.match(r"[a-z][a-z0-9+.-]*:", link):
            continue
        path, _hash, fragment = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.is_relative_to(ROOT), f"{document.name}: {link} leads out of the project"
        assert target.exists(), f"{document.name}: {link} is not there"
        if fragment and target.suffix == ".md":
            assert fragment in anchors(target.read_text()), f"{document.name}: {link} has no such heading"


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_a_document_names_is_there(document: Path) -> None:
    """Of the changelog, the past is not asked: it names files as they were called then."""
    if document.name == "CHANGELOG.md":
        return
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
    named = re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]+)`", text)
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_test_that_a_document_names_is_there() -> None:
    there = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    of_today = [document for document in documents() if document.name != "CHANGELOG.md"]
    named = {name for document in of_today for name in re.findall(r"`(test_\w+\.py)`", document.read_text())}
    assert "test_access.py" in named
    assert named - there == set()


def test_the_architecture_has_every_package_and_the_contracts_of_lint() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    packages = {path.parent.name for app in OUR_APPS for path in (ROOT / app).glob("*/__init__.py")}
    assert packages - set(re.findall(r"`(\w+)`", text)) == {"management", "migrations", "templatetags", "formats"}
    words = " ".join(text.split())
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]:
        if contract["type"] == "layers":
            assert " > ".join(layer.replace(" | ", ", ") for layer in contract["layers"]) in words


def cited() -> list[tuple[str, str]]:
    """The documents that the code names as its authority, each with who names it."""
    files = (path for name in (*OUR_APPS, "tests") for path in sorted((ROOT / name).rglob("*.py")))
    return [
        (str(path.relative_to(ROOT)), document)
        for path in files
        for document in re.findall(r"docs/[a-z-]+\.md", path.read_text())
    ]


def test_every_document_that_the_code_cites_is_there() -> None:
    assert ("analytics/scoring/score.py", "docs/metrics.md") in cited()
    assert {document for _path, document in cited() if not (ROOT / document).exists()} == set()
