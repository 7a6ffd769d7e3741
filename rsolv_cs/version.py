"""Which version this is: pyproject.toml says so, and nothing else does."""

import tomllib
from functools import cache

from django.conf import settings


@cache
def application_version() -> str:
    """Return the version of the application."""
    with (settings.BASE_DIR / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])
