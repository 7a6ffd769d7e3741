"""A process is killed at each of its requests, before and after Salesforce has done it; the next one ends the push."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from tests.support import ROOT
from tests.support.salesforce import KEY, FakeSalesforce, salesforce

PUSH = """
import json, os, sys
from pathlib import Path
from analytics.crm.salesforce.adapter import Salesforce
from analytics.crm.salesforce.connection import Credentials
from tests.support.salesforce import KEY, QUICK, row
from tests.support.salesforce_answers import CLIENT, SECRET

state, results = Path(sys.argv[2]), Path(sys.argv[3])

class Kept:
    def read(self):
        return json.loads(state.read_text()) if state.exists() else {}

    def save(self, kept):
        state.with_suffix(".new").write_text(json.dumps(kept))
        state.with_suffix(".new").replace(state)

done = results.read_text().split() if results.exists() else []
rows = [row(f"c{n}", Score=str(n)) for n in range(5) if f"c{n}" not in done]
with results.open("a") as ledger:
    credentials = Credentials(sys.argv[1], CLIENT, SECRET)
    for result in Salesforce(credentials, "RSOLV_", KEY, {"RSOLV_Score__c"}, QUICK).push(rows, Kept()):
        print(result.key, file=ledger, flush=True)
"""
# The token, four of a job, its three polls, and its two result files.
REQUESTS = 9


def push(server: FakeSalesforce, folder: Path) -> tuple[subprocess.Popen[bytes], Callable[[], None]]:
    """A process that pushes, and what kills it."""
    arguments = [sys.executable, "-c", PUSH, server.url, str(folder / "state"), str(folder / "results")]
    process = subprocess.Popen(arguments, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    return process, lambda: process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("how", ["die before", "die after"])
@pytest.mark.parametrize("number", range(REQUESTS))
def test_no_row_is_lost_or_written_twice(number: int, how: Literal["die before", "die after"], tmp_path: Path) -> None:
    with salesforce() as server:
        server.polls = 3
        for key in range(5):
            server.org.add({KEY: f"c{key}"})
        # The server has no request before the process runs, so that it knows whom to kill.
        with server.lock:
            process, kill = push(server, tmp_path)
            server.trouble("/services/", how=how, skip=number, meanwhile=kill)
        assert process.wait(30) == -signal.SIGKILL

        process, _ = push(server, tmp_path)
        assert process.wait(30) == 0

        assert sorted((tmp_path / "results").read_text().split()) == ["c0", "c1", "c2", "c3", "c4"]
        assert sorted(server.org.writes) == ["c0", "c1", "c2", "c3", "c4"]
        assert [job.state for job in server.jobs.values()].count("JobComplete") == 1
