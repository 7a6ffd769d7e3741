"""Starts the races of ``racing`` in a process of their own."""

import json
from typing import Any

from tests.support.commands import python


def race(name: str, database: str) -> Any:
    """How the rounds of a race ended, on the database of a URL."""
    settings = {"DATABASE_URL": database, "DEBUG": 1, "DJANGO_SETTINGS_MODULE": "rsolv_cs.settings"}
    ran = python("-m", "tests.support.racing", name, **settings)
    assert ran.code == 0, ran.err
    return json.loads(ran.out)
