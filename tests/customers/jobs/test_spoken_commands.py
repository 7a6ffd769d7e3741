"""Commands speak to their operator in the first of ``LANGUAGES``, and store in English what they did."""

import re
from argparse import ArgumentParser
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.utils.translation import override
from pytest_django.fixtures import Settings

from customers.models import AuditEntry, ImportRun
from tests.factories import csv_row, write_feed
from tests.support.commands import run

OURS = sorted(name for name, app in get_commands().items() if app in {"customers", "analytics", "rsolv_cs"})


def texts(name: str, language: str) -> list[str]:
    """What the help of a command says of it and of its arguments, Django's too."""
    with override(language):
        command = load_command_class(get_commands()[name], name)
        parser: ArgumentParser = command.create_parser("manage.py", name)
        actions = [action for action in parser._actions if action.dest != "help"]
        return [str(parser.description), *(str(action.help) for action in actions)]


@pytest.mark.parametrize("name", OURS)
def test_the_help_of_every_command_is_translated(name: str) -> None:
    both = list(zip(texts(name, "en"), texts(name, "de"), strict=True))
    assert [english for english, german in both if english == german] == []


def on_a_command_line(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What undoing an import prints where German is the first language that is offered."""
    with pytest.raises(SystemExit):
        load_command_class("customers", "undo_import").run_from_argv(["manage.py", "undo_import", *arguments])
    return "".join(capsys.readouterr())


@pytest.fixture
def german(settings: Settings) -> None:
    settings.OFFERED_LANGUAGES = ["de", "en"]


@pytest.mark.usefixtures("german")
def test_a_command_line_has_the_first_language_that_is_offered(capsys: pytest.CaptureFixture[str]) -> None:
    said = on_a_command_line(capsys, "--help")
    assert said.startswith("Aufruf: manage.py undo_import [-h]")
    assert "Einen Import rückgängig machen" in said
    assert re.findall(r"^(\w+):$", said, re.MULTILINE) == ["Argumente", "Optionen"]
    assert re.search(r"-h, --help +diese Hilfe zeigen und beenden", said)


@pytest.mark.usefixtures("german")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "diese Argumente fehlen: run"),
        (("x",), "Argument run: kein gültiger Wert (int): 'x'"),
        (("1", "--none"), "unbekannte Argumente: --none"),
        (("1", "--verbosity", "7"), "Argument -v/--verbosity: ungültige Auswahl: 7 (möglich: 0, 1, 2, 3)"),
        (("1", "--settings"), "Argument --settings: ein Wert wird erwartet"),
    ],
)
def test_what_is_wrong_with_a_command_line_is_said_in_it(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert on_a_command_line(capsys, *arguments).endswith(f"manage.py undo_import: Fehler: {said}\n")


@pytest.mark.usefixtures("german")
def test_argparse_speaks_as_before_once_the_command_has_ended(capsys: pytest.CaptureFixture[str]) -> None:
    on_a_command_line(capsys, "--help")
    assert ArgumentParser().format_usage().startswith("usage: ")


@pytest.mark.django_db
def test_what_an_import_prints_is_german_and_what_it_stores_is_english(tmp_path: Path) -> None:
    write_feed(tmp_path, "customers", [csv_row("customers", id="c1"), csv_row("customers", id="c2", email="nowhere")])
    with override("de"):
        done = run("import_csvs", "--dir", tmp_path, "--feed", "customers")
    assert done.lines == [
        "customers.csv: 2 Zeilen geladen: 1 neu, 0 geändert, 0 unverändert, 1 in Quarantäne",
        "  Zeile 3: email: 'nowhere' is not an email address",
        "1 von 1 Feeds geladen: 1 neu, 0 geändert, 0 unverändert, 1 in Quarantäne.",
    ]
    assert ImportRun.objects.get().quarantined_rows.get().reasons == ["email: 'nowhere' is not an email address"]
    assert "Customers: Loaded\n" in AuditEntry.objects.filter(action="import").latest("pk").text
