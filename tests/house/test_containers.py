"""The image and ``compose.yaml``: what they name exists, and they hold nothing secret."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from rsolv_cs.version import application_version
from tests.house.test_docs import variables
from tests.support import ROOT
from tests.support.deploying import SERVED, commands_in, health_check, is_real


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's, one line each."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]  # type: ignore[misc]


def test_the_image_copies_what_there_is_and_nothing_secret() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    for name, rest in instructions():
        if name == "COPY" and "--from" not in rest:
            *sources, _target = rest.split()
            for source in sources:
                assert (ROOT / source).exists()
                assert f"!{source}" in ignored
    kept = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert kept == {
        source
        for name, rest in instructions()
        if name == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    }
    assert not [
        rest for name, rest in instructions() if name in {"ENV", "ARG"} and re.search("SECRET|PASSWORD|KEY", rest)
    ]
    assert "ADD" not in dict(instructions())


def test_the_image_runs_as_nobody_in_particular_and_says_whether_it_is_alive() -> None:
    found = instructions()
    last = max(number for number, (name, _rest) in enumerate(found) if name == "FROM")
    final = dict(found[last:])
    assert final["USER"] == "10001:10001"
    assert found.index(("USER", "10001:10001")) < [name for name, _rest in found].index("CMD")
    assert json.loads(final["CMD"]) == ["gunicorn", "--config", "deploy/gunicorn.conf.py", "rsolv_cs.wsgi"]
    assert "/healthz" in final["HEALTHCHECK"]
    compile(health_check()[2], "HEALTHCHECK", "exec")
    text = (ROOT / "Dockerfile").read_text()
    assert all(is_real(words) for words in commands_in(text))
    assert "--require-hashes" in text
    [version] = re.findall(r"^ARG PYTHON_IMAGE=python:3\.(\d+)-slim$", text, re.MULTILINE)
    assert int(version) >= 11
    # One image for both stages, to be pinned in one place.
    assert [rest.partition(" ")[0] for name, rest in found if name == "FROM"] == ["${PYTHON_IMAGE}"] * 2
    assert text.count("pip uninstall --yes") == 2


def test_the_image_has_compiled_modules_and_says_its_version() -> None:
    final = [(name, rest) for name, rest in instructions() if name in {"ARG", "LABEL", "CMD"}]
    assert ("ARG", "VERSION") in final
    assert ("ARG", "REVISION") in final
    assert 'org.opencontainers.image.version="${VERSION}"' in final[-1][1]
    assert 'org.opencontainers.image.revision="${REVISION}"' in final[-1][1]
    text = " ".join(rest for _name, rest in instructions())
    [compiled] = re.findall(r"compileall -q --invalidation-mode unchecked-hash ([a-z_ ]+?) &&", text)
    copied = [rest.split()[0] for name, rest in instructions() if name == "COPY" and (ROOT / rest.split()[0]).is_dir()]
    assert set(compiled.split()) == {name for name in copied if list((ROOT / name).glob("*.py"))}
    # What the forecast imports in its command alone must have survived what was taken out of the packages.
    [tried] = re.findall(r'python -c "import (sklearn[^"]+)"', text)
    modules = (ROOT / "analytics").rglob("*.py")
    assert set(tried.split(", ")) == {
        found for path in modules for found in re.findall(r"from (sklearn[\w.]*) import", path.read_text())
    }


def make_image(folder: Path, *programs: str) -> subprocess.CompletedProcess[str]:
    """``make image`` where these programs are, which only say what they are asked for."""
    folder.mkdir(exist_ok=True)
    for name in ("sh", "sed", "git", "make", "grep", "uname"):
        (folder / name).symlink_to(str(shutil.which(name)))
    for name in programs:
        (folder / name).write_text(f'#!/bin/sh\n[ "$1" = info ] || echo {name} "$@"\n')
        (folder / name).chmod(0o755)
    surroundings = {"PATH": str(folder), "HOME": str(folder)}
    return subprocess.run(
        ["make", "--silent", "image"], cwd=ROOT, env=surroundings, capture_output=True, text=True, timeout=30
    )


def test_make_image_asks_whichever_builder_is_there(tmp_path: Path) -> None:
    version = application_version()
    revision = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    for programs, name, form in (
        (["docker"], "docker", ""),
        (["docker", "podman"], "podman", " --format docker"),
        (["podman", "buildah"], "buildah", " --format docker"),
    ):
        done = make_image(tmp_path / name, *programs)
        assert (done.returncode, done.stderr) == (0, "")
        words = f"{name} build{form} --build-arg VERSION={version} --build-arg REVISION={revision}"
        assert done.stdout.removeprefix(words).removeprefix("-dirty") == f" --tag rsolv-customer-success:{version} .\n"


@pytest.mark.slow
@pytest.mark.full_run
def test_the_image_is_built_where_something_can_build() -> None:
    """``TEST_PYTHON_IMAGE`` names a base image that is there already; ``REQUIRE_IMAGE=1`` lets nothing be missing."""
    builders = [name for name in ("buildah", "podman", "docker") if shutil.which(name) and _ran(name, "info")]
    base = os.environ.get("TEST_PYTHON_IMAGE", "")
    is_there = builders and (base or _ran(builders[0], "pull", "--quiet", "python:3.13-slim"))
    if not is_there and os.environ.get("REQUIRE_IMAGE") != "1":
        pytest.skip("there is nothing that builds images, or no base image can be had")
    built = f"localhost/rsolv-test:{application_version()}"
    more = f"ARGS=--build-arg PYTHON_IMAGE={base}" if base else "ARGS="
    try:
        done = subprocess.run(
            ["make", "image", f"BUILDER={builders[0]}", "IMAGE=localhost/rsolv-test", more],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=1800,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        _ran(builders[0], "rmi", built)


def _ran(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, timeout=600).returncode == 0


def test_make_image_says_what_is_missing(tmp_path: Path) -> None:
    done = make_image(tmp_path)
    assert done.returncode == 2
    assert "apt install buildah" in done.stdout


def test_the_composition_takes_its_secrets_from_outside() -> None:
    composed = yaml.safe_load((ROOT / "compose.yaml").read_text())
    services = composed["services"]
    assert set(services) == {"db", "migrate", "web", "live", "nightly", "backup"}
    for name in set(services) - {"db"}:
        service = services[name]
        given = service["environment"]
        # All but places, which the image and the volumes say, and what has no place among people.
        elsewhere = {name for name in variables() if name.endswith("_DIR")} | {"LIVE_SOCKET", "DEBUG", "TRUST_PROXY"}
        assert set(given) - SERVED == variables() - elsewhere
        assert given["SECRET_KEY"].startswith("${SECRET_KEY:?")
        assert "${POSTGRES_PASSWORD:?" in given["DATABASE_URL"]
        assert service["read_only"] is True
        if "command" in service:
            assert service["command"][:2] == ["python", "manage.py"]
            assert is_real(service["command"][2:])
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert source.startswith("./var/") or source in composed["volumes"]
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert all(":size=" in one for one in service["tmpfs"]), name
        assert {"mem_limit", "pids_limit"} <= set(service), name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}, name
        # What has work to do when it is asked starts with nothing else.
        assert service.get("profiles", []) == ([] if name in {"db", "web", "live"} else ["jobs"]), name
    assert services["db"]["networks"] == ["inside"]
    assert composed["networks"]["inside"] == {"internal": True}
    assert "ports" not in services["db"]
    assert services["db"]["environment"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")
    assert services["web"]["ports"] == ["127.0.0.1:${PORT:-8000}:8000"]
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()
