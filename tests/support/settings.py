"""Starts the project with an environment, and tells its settings or its complaint."""

import json
import os
import traceback
from runpy import run_path
from unittest.mock import patch

from django.core.exceptions import ImproperlyConfigured

from rsolv_cs import settings as read_before
from tests.support.commands import Ran, python

SECRET = "s3cr3t-of-the-database"
SHOW = "import json, rsolv_cs.settings as s; print(json.dumps({name: getattr(s, name) for name in %r}, default=str))"


def start(**environment: str) -> Ran:
    """Read the settings anew, with nothing else in the environment, and DEBUG on unless it is said."""
    with patch.dict(os.environ, {"DEBUG": "1", **environment}, clear=True):
        try:
            run_path(read_before.__file__)
        except ImproperlyConfigured as error:
            return Ran(1, "", "".join(traceback.format_exception(error)))
    return Ran(0, "", "")


def values(*names: str, **environment: object) -> dict[str, object]:
    """Some settings, as the environment makes them in a process of its own."""
    done = python("-c", SHOW % (names,), **environment)
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


def complaint(done: Ran) -> str:
    """The last line, which tells the operator what to do."""
    assert (done.code, done.out) == (1, "")
    last = done.err.splitlines()[-1]
    assert last.startswith("django.core.exceptions.ImproperlyConfigured: ")
    return last.partition(": ")[2]
