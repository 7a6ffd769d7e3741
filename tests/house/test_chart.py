"""The Helm chart: its values, its templates' text and its programs; where Helm is, also what Helm makes of them."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from django.urls import resolve

from customers.jobs.commands import EXIT_BUSY, EXIT_FAILED, EXIT_USAGE
from rsolv_cs.monitoring.views import MetricsView
from rsolv_cs.version import application_version
from tests.house.test_docs import variables
from tests.support import ROOT, charting
from tests.support.charting import CASES
from tests.support.deploying import SERVED, is_real
from tests.support.live import Site, serving
from tests.support.processes import manage

SECRETS = {
    "SECRET_KEY",
    "DATABASE_URL",
    "DATABASE_REPLICA_URL",
    "EMAIL_URL",
    "ALERT_URLS",
    "SENTRY_DSN",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OIDC_CLIENT_SECRET",
    "STORAGE_URL",
}
"""The settings that hold secrets, as far as there are such settings."""
DECIDED = {"LIVE", "LIVE_SOCKET", "DEBUG"}
"""The settings that the chart decides, beside the folders."""
needs_helm = pytest.mark.skipif(not charting.HELM, reason="there is no Helm here")


def refused(**values: Any) -> list[str]:
    """What the schema has against values over those of the smallest case."""
    judge = jsonschema.Draft7Validator(charting.schema())
    return [error.message for error in judge.iter_errors({**charting.values("small"), **values})]


# --- Values -------------------------------------------------------------------------------------------------------


def test_the_chart_is_of_the_version_of_the_application() -> None:
    chart = charting.loaded("Chart.yaml")
    assert chart["version"] == chart["appVersion"] == application_version()


def test_an_installation_must_say_its_host_and_where_its_secrets_are() -> None:
    found = list(jsonschema.Draft7Validator(charting.schema()).iter_errors(charting.loaded("values.yaml")))
    assert sorted(error.path[0] for error in found) == ["existingSecret", "host"]


@pytest.mark.parametrize("case", CASES)
def test_the_cases_are_fit_values(case: str) -> None:
    assert refused(**charting.values(case)) == []


@pytest.mark.parametrize(
    "values",
    [
        {"hosts": "cs.example.com"},
        {"host": "https://cs.example.com"},
        {"settings": {"UPLOAD_MAX_MB": 50}},
        {"settings": {"upload_max_mb": "50"}},
        {"image": {"digest": "sha256:abc"}},
        {"jobs": {"nightly": {"schedule": "30 2 * * *"}}},
        {"web": {"replicas": 0}},
        {"web": {"replica": 2}},
    ],
)
def test_what_is_misspelt_or_of_another_kind_is_refused(values: dict[str, Any]) -> None:
    assert refused(**values)


@pytest.mark.parametrize("name", sorted(variables() | SERVED | SECRETS))
def test_a_setting_that_is_secret_or_decided_is_no_value(name: str) -> None:
    is_taken = name in SECRETS | DECIDED | SERVED or name.endswith("_DIR")
    assert bool(refused(settings={name: "1"})) == is_taken


def test_each_option_is_used_and_each_that_is_used_is_there() -> None:
    text = charting.templates()
    used = {found.rstrip(".") for found in re.findall(r"\.Values\.([\w.]+)", text)} - {"jobs", "jobs.nightly"}
    there = {re.sub(r"\.resources\..*", ".resources", path) for path in charting.paths(charting.loaded("values.yaml"))}
    jobs = {path for path in there if path.startswith("jobs.")}
    assert there - jobs == used
    fields = set(re.findall(r"\$job\.(\w+)", text))
    assert {path.split(".")[2] for path in jobs} == fields
    assert set(charting.schema()["definitions"]["job"]["properties"]) == fields


# --- Text ---------------------------------------------------------------------------------------------------------


def test_each_command_of_the_chart_is_one() -> None:
    jobs = {name: job["command"] for name, job in charting.loaded("values.yaml")["jobs"].items()}
    assert {words[0] for words in jobs.values()} == {
        "nightly",
        "backup",
        "send_digests",
        "send_scheduled",
        "ingest",
        "deliver",
    }
    found = charting.commands_of(charting.templates())
    assert {"migrate", "live", "createsuperuser"} <= {words[0] for words in found}
    assert [words for words in [*jobs.values(), *found] if not is_real(words)] == []


def test_what_the_chart_sets_are_settings() -> None:
    helper = (charting.CHART / "templates" / "_helpers.tpl").read_text()
    named = set(re.findall(r'^ +"([A-Z_]+)" ', helper, re.MULTILINE))
    assert {"ALLOWED_HOSTS", "CSV_DIR", "LIVE", "WORKERS"} <= named
    assert named <= variables() | SERVED
    # Each folder that pods share lies on the volume; the others are the image's, or a pod's own.
    shared = {"CSV_DIR", "UPLOAD_DIR", "ARCHIVE_DIR", "EXPORT_DIR", "BACKUP_DIR"}
    assert {name for name in named if name.endswith("_DIR")} == shared


def test_what_is_asked_for_is_served() -> None:
    text = charting.templates()
    exposed = re.findall(r"^EXPOSE (\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert re.findall(r"containerPort: (\d+)", text) == exposed
    probed = re.findall(r"httpGet: \{path: (\S+), port: http\}", text)
    assert len(probed) == 3
    assert {resolve(path).view_name for path in probed} == {"healthz"}
    [scraped] = re.findall(r"^ +path: (/m\S+)$", text, re.MULTILINE)
    assert resolve(scraped).func.cls is MetricsView


def test_the_exit_codes_are_those_of_the_commands() -> None:
    text = (charting.CHART / "templates" / "jobs.yaml").read_text()
    assert f"values: [{EXIT_FAILED}, {EXIT_USAGE}]" in text
    assert f"$? -eq {EXIT_BUSY} ]" in text


@pytest.mark.parametrize(("code", "ended"), [(0, 0), (EXIT_FAILED, 1), (EXIT_BUSY, 0)])
def test_a_job_that_finds_another_at_work_has_not_failed(code: int, ended: int, tmp_path: Path) -> None:
    [line] = re.findall(r"command: \[sh, -c, '(.+)', sh\]", (charting.CHART / "templates" / "jobs.yaml").read_text())
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\n[ "$*" = "manage.py backup --keep 14" ] && exit {code}\nexit 9\n')
    python.chmod(0o755)
    command = ["sh", "-c", line, "sh", "backup", "--keep", "14"]
    done = subprocess.run(command, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, timeout=30)
    assert done.returncode == ended


# --- Programs -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """The pages and their sockets, with a database that is migrated."""
    with tempfile.TemporaryDirectory(prefix="chart-") as folder:
        url = f"sqlite:///{folder}/db.sqlite3"
        assert manage(url, "migrate", "--verbosity", "0").returncode == 0
        with serving(url) as found:
            yield found


def answers(site: Site, *more: str) -> subprocess.CompletedProcess[str]:
    place = f"127.0.0.1:{site.port}"
    command = [sys.executable, charting.script("answers.py"), place, "localhost", *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def live_answers(site: Site) -> int:
    command = [sys.executable, charting.script("live_answers.py")]
    surroundings = {"LIVE_SOCKET": site.surroundings["LIVE_SOCKET"]}
    return subprocess.run(command, env=surroundings, capture_output=True, timeout=60).returncode


@pytest.mark.slow
def test_the_test_of_a_release_passes_where_all_is_well_and_says_what_is_not(site: Site) -> None:
    done = answers(site, "--live")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.splitlines() == [
        "/healthz: 200",
        "database: ok",
        "migrations: ok",
        "/admin/login/: 200",
        "a file of the page: 200",
        "/ws/state: HTTP/1.1 101 Switching Protocols",
    ]
    assert live_answers(site) == 0
    site.stop_live()
    try:
        without = answers(site, "--live")
        assert without.returncode == 1
        assert without.stderr.startswith("/ws/state: HTTP/1.1 404")
        assert answers(site).returncode == 0
        assert live_answers(site) == 1
    finally:
        site.start_live()


def test_the_composition_asks_the_live_process_alike() -> None:
    asked = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["live"]["healthcheck"]["test"]
    assert asked == ["CMD", "python", "-c", charting.script("live_answers.py").read_text()]


# --- What Helm makes of it ----------------------------------------------------------------------------------------


@needs_helm
@pytest.mark.parametrize("case", CASES)
def test_helm_finds_nothing_wrong(case: str) -> None:
    command = [str(charting.HELM), "lint", "--strict", charting.CHART, "--values", f"{charting.CHART}/ci/{case}.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    assert charting.rendered(case)
    assert not charting.of_kind(case, "Secret")


@needs_helm
@pytest.mark.parametrize("case", CASES)
def test_each_container_is_fenced_in_and_has_limits(case: str) -> None:
    for name, pod in charting.pods(case):
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["securityContext"]["runAsUser"] == 10001, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is False, name
    for name, container in charting.containers(case):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name
        assert "memory" in container["resources"]["limits"], name


@needs_helm
@pytest.mark.parametrize("case", CASES)
def test_each_container_has_its_volumes_and_the_settings(case: str) -> None:
    [settings] = charting.of_kind(case, "ConfigMap")
    assert set(settings["data"]) <= variables() | SERVED
    assert all(isinstance(value, str) for value in settings["data"].values())
    for name, pod in charting.pods(case):
        volumes = {volume["name"] for volume in pod.get("volumes", [])}
        for container in pod["containers"]:
            assert {mount["name"] for mount in container.get("volumeMounts", [])} == volumes, f"{name}: {container}"
    for name, container in charting.containers(case):
        if "answers" not in name:
            assert container["envFrom"][0] == {"secretRef": {"name": "rsolv"}}, name
            assert (
                len(container["envFrom"]) == 2
                or {one["name"]: one["value"] for one in container["env"]} == settings["data"]
            ), name


@needs_helm
def test_the_process_of_the_sockets_shares_the_pod_of_its_web_server() -> None:
    pod = charting.the_pages("small")
    web, live = pod["containers"]
    assert (web["name"], live["command"]) == ("web", ["python", "manage.py", "live"])
    assert web["volumeMounts"] == live["volumeMounts"]
    assert {"name": "var", "mountPath": "/app/var"} in live["volumeMounts"]
    [only] = charting.the_pages("bare")["containers"]
    assert only["name"] == "web"


@needs_helm
def test_the_jobs_are_those_that_nothing_else_does() -> None:
    def jobs(case: str) -> dict[str, Any]:
        return {one["metadata"]["name"].rpartition("-")[2]: one["spec"] for one in charting.of_kind(case, "CronJob")}

    assert set(jobs("small")) == {"nightly", "backup", "digests", "scheduled"}
    # Without the process that does them within a second, and without a backup.
    assert set(jobs("bare")) == {"nightly", "digests", "scheduled", "ingest", "deliver"}
    assert {job["concurrencyPolicy"] for job in jobs("small").values()} == {"Forbid"}
    assert {job["timeZone"] for job in jobs("small").values()} == {"UTC"}
    assert {job["timeZone"] for job in jobs("large").values()} == {"Europe/Berlin"}
    night = jobs("small")["nightly"]["jobTemplate"]["spec"]
    [container] = night["template"]["spec"]["containers"]
    assert (container["command"], container["args"]) == (["python", "manage.py"], ["nightly"])
    assert (night["backoffLimit"], night["template"]["spec"]["restartPolicy"]) == (6, "Never")
    [often] = jobs("small")["digests"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert often["command"][0] == "sh"


@needs_helm
def test_migrations_go_before_everything_and_need_nothing_of_the_chart() -> None:
    [job] = charting.of_kind("small", "Job")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    pod = job["spec"]["template"]["spec"]
    assert "serviceAccountName" not in pod
    assert "configMapRef" not in str(pod)
    assert "persistentVolumeClaim" not in str(pod)
    assert not charting.of_kind("bare", "Job")
    [waits] = charting.the_pages("bare")["initContainers"]
    assert "migrate --check" in waits["command"][2]


@needs_helm
def test_metrics_are_scraped_only_where_the_pages_let_prometheus_in() -> None:
    command = [str(charting.HELM), "template", "r", charting.CHART, "--values", charting.CHART / "ci" / "small.yaml"]
    done = subprocess.run(
        [*command, "--set", "serviceMonitor.enabled=true"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert "needs settings.METRICS_NETWORKS" in done.stderr


@needs_helm
def test_what_is_turned_off_or_chosen_is() -> None:
    kinds = {case: {one["kind"] for one in charting.rendered(case)} for case in CASES}
    optional = {"Ingress", "NetworkPolicy", "ServiceAccount", "PersistentVolumeClaim"}
    optional |= {"HorizontalPodAutoscaler", "ServiceMonitor"}
    assert kinds["small"] & optional == {"Ingress", "NetworkPolicy", "ServiceAccount", "PersistentVolumeClaim"}
    assert kinds["large"] & optional == {"HorizontalPodAutoscaler", "Ingress", "NetworkPolicy", "ServiceMonitor"}
    assert kinds["bare"] & optional == {"PersistentVolumeClaim"}
    [large] = charting.of_kind("large", "Deployment")
    assert "replicas" not in large["spec"]
    images = {container["image"] for _name, container in charting.containers("large")}
    assert images == {f"registry.example.com/rsolv-customer-success@sha256:{'0' * 64}"}
    images = {container["image"] for _name, container in charting.containers("small")}
    assert images == {f"rsolv-customer-success:{application_version()}"}


@needs_helm
@pytest.mark.parametrize("case", CASES)
def test_selectors_find_the_pods(case: str) -> None:
    [pages], [service] = charting.of_kind(case, "Deployment"), charting.of_kind(case, "Service")
    labels = pages["spec"]["template"]["metadata"]["labels"].items()
    [disruption] = charting.of_kind(case, "PodDisruptionBudget")
    for monitor in charting.of_kind(case, "ServiceMonitor"):
        assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
        assert {one["port"] for one in monitor["spec"]["endpoints"]} == {
            one["name"] for one in service["spec"]["ports"]
        }
    for selector in (
        pages["spec"]["selector"]["matchLabels"],
        service["spec"]["selector"],
        disruption["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels
    others = [job["spec"]["jobTemplate"]["spec"]["template"] for job in charting.of_kind(case, "CronJob")]
    assert all(not service["spec"]["selector"].items() <= one["metadata"]["labels"].items() for one in others)
