"""The Helm chart: its files, and what Helm makes of it where Helm is."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.support import ROOT

CHART = ROOT / "deploy" / "helm" / "rsolv-cs"
CASES = sorted(path.stem for path in (CHART / "ci").glob("*.yaml"))
HELM = shutil.which("helm")

Manifest = dict[str, Any]


def loaded(name: str) -> Any:
    """A file of the chart that is YAML by itself."""
    return yaml.safe_load((CHART / name).read_text())


def schema() -> dict[str, Any]:
    return dict(json.loads((CHART / "values.schema.json").read_text()))


def templates() -> str:
    """The text of all templates."""
    return "\n".join(path.read_text() for path in sorted((CHART / "templates").rglob("*")) if path.is_file())


def values(case: str) -> dict[str, Any]:
    """The chart's values with those of a case over them, as Helm puts them together."""
    found = _over(loaded("values.yaml"), loaded(f"ci/{case}.yaml"))
    assert isinstance(found, dict)
    return found


def _over(below: Any, above: Any) -> Any:
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    kept = {name: value for name, value in deepcopy(below).items() if name not in above}
    return kept | {name: _over(below.get(name), value) for name, value in above.items() if value is not None}


def paths(found: dict[str, Any], before: str = "") -> Iterator[str]:
    """The dotted names of all leaves; what is empty, or a list, is one."""
    for name, value in found.items():
        if isinstance(value, dict) and value:
            yield from paths(value, f"{before}{name}.")
        else:
            yield f"{before}{name}"


def template(case: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Let Helm make manifests of the chart with the values of a case."""
    command = [str(HELM), "template", "release", str(CHART), "--values", str(CHART / "ci" / f"{case}.yaml"), *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@cache
def rendered(case: str) -> tuple[Manifest, ...]:
    """What Helm makes of the chart with the values of a case."""
    done = template(case)
    assert done.returncode == 0, done.stderr
    return tuple(one for one in yaml.safe_load_all(done.stdout) if one)


def of_kind(case: str, kind: str) -> list[Manifest]:
    return [one for one in rendered(case) if one["kind"] == kind]


def the_pages(case: str) -> Manifest:
    """The one Deployment's pod."""
    [found] = of_kind(case, "Deployment")
    return dict(found["spec"]["template"]["spec"])


def pods(case: str) -> Iterator[tuple[str, Manifest]]:
    """The specification of each pod that would run, by the name of what makes it."""
    for one in rendered(case):
        spec, name = one.get("spec", {}), f"{one['kind']} {one['metadata']['name']}"
        if one["kind"] == "Pod":
            yield name, spec
        elif one["kind"] == "CronJob":
            yield name, spec["jobTemplate"]["spec"]["template"]["spec"]
        elif "template" in spec:
            yield name, spec["template"]["spec"]


def containers(case: str) -> Iterator[tuple[str, Manifest]]:
    """Each container that would run."""
    for name, pod in pods(case):
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            yield f"{name}: {container['name']}", container


def commands_of(text: str) -> list[list[str]]:
    """The words after each ``manage.py`` of a template, written as a list or in a line of a shell."""
    lists = re.findall(r"manage\.py, ([^\]]+)\]", text)
    lines = re.findall(r"manage\.py ((?:[a-z_]+|--[a-z-]+|\d)(?: (?:[a-z_]+|--[a-z-]+|\d))*)", text)
    return [one.split(", ") for one in lists] + [one.split() for one in lines]


def script(name: str) -> Path:
    """A program that the chart brings along."""
    return CHART / "files" / name
