"""Writes docs/licences.md: the licence of every package that the application needs to run, as the packages say it."""

import re
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WITH_EXTRAS = "requirements-storage.txt"
TARGET = ROOT / "docs" / "licences.md"

ELSEWHERE = {"colorama": "BSD-3-Clause", "tzdata": "Apache-2.0"}
"""Those that are installed on Windows alone, where nobody has looked for us."""
UNCLEAR = {
    "channels": "BSD-3-Clause",
    "diff-match-patch": "Apache-2.0",
    "django-csp": "BSD-3-Clause",
    "django-filter": "BSD-3-Clause",
    "django-import-export": "BSD-2-Clause",
    "django-tables2": "BSD-2-Clause",
    "drf-spectacular-sidecar": "BSD-3-Clause",
    "protobuf": "BSD-3-Clause",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "s3transfer": "Apache-2.0",
    "scipy": "BSD-3-Clause",
    "segno": "BSD-3-Clause",
    "sqlparse": "BSD-3-Clause",
    "tablib": "MIT",
    "uritemplate": "BSD-3-Clause OR Apache-2.0",
    "waitress": "ZPL-2.1",
}
"""Those whose metadata have no expression: read in their licence files."""
WITH_GPL = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "LGPL-3.0-only", "MIT", "MPL-2.0"),
    *("MIT-0", "PSF-2.0", "Unlicense", "ZPL-2.1", "Zlib"),
}
"""Licences whose works may be combined with one under the GPL, version 3."""
_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
_EXPRESSION = re.compile(r"[A-Za-z0-9.-]+( (AND|OR|WITH) [A-Za-z0-9.-]+)*")


def locked(name: str = "requirements.txt") -> dict[str, str]:
    """The packages of a lock, and their versions."""
    return dict(_REQUIREMENT.findall((ROOT / name).read_text()))


def licence(name: str) -> str:
    """A package's licence as an SPDX expression; '' where it is unknown."""
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return ELSEWHERE.get(name, "")
    said = about.get("License-Expression") or about.get("License") or ""
    said = UNCLEAR.get(name, said).strip()
    return said if _EXPRESSION.fullmatch(said) else ""


def is_compatible(expression: str) -> bool:
    """Whether all parts of an expression (one of an OR) may be combined with the GPL."""
    return any(set(one.split(" AND ")) <= WITH_GPL for one in expression.split(" OR "))


def page() -> str:
    """The whole page."""
    lines = [
        "# Licences",
        "",
        "What the application needs to run, as locked in `requirements-storage.txt`, each under the licence that it",
        "names; those marked with * are installed for `ALERT_URLS`, `SENTRY_DSN` or `OTEL_*` alone.",
        "`make licences` writes this page; a test compares it with what is installed.",
        "",
        "| package | version | licence | with the GPL, version 3 |",
        "|---|---|---|---|",
    ]
    always = locked()
    for name, version in locked(WITH_EXTRAS).items():
        found = licence(name)
        mark = "" if name in always else " *"
        compatible = "yes" if is_compatible(found) else "**no**"
        lines.append(f"| {name}{mark} | {version} | {found or '**unknown**'} | {compatible} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    TARGET.write_text(page())
    print(f"Wrote {TARGET.relative_to(ROOT)}.")
