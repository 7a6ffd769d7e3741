"""The sockets of open pages: who has one, what it is told, and how often; real processes on both databases."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from pytest_django import DjangoDbBlocker
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection

from customers.audit import trail
from customers.core.sql import fetch, is_postgres
from customers.models import Engagement, ImportRun, InboxEvent
from rsolv_cs.live.sockets import pause_after
from rsolv_cs.live.state import state_name
from rsolv_cs.login import sessions
from rsolv_cs.management.commands.live import NICE
from tests.factories import make_customer, make_run, make_staff
from tests.support.databases import create_database, drop_database, name_in, url_of
from tests.support.inbox import event, new_token, reported
from tests.support.live import Site, closed_with, cookies_of, run_alone, said, serving
from tests.support.own_databases import database
from tests.support.processes import environment, manage
from tests.support.serving import ask

NAME_LENGTH = 32
SOON = 20
"""Seconds: two or three where nobody else uses the machine."""


@pytest.fixture(scope="module")
def site(
    django_db_setup: str, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """The pages of a database that is the test's default one, too."""
    folder = tmp_path_factory.mktemp("live")
    name = name_in(folder)
    with django_db_blocker.unblock():
        create_database(name, django_db_setup)
        try:
            with database(name), serving(url_of(name)) as site:
                yield site
        finally:
            drop_database(name)


def test_pages_go_first_where_the_processors_are_busy(site: Site) -> None:
    live, web = (os.getpriority(os.PRIO_PROCESS, process.pid) for process in (site.live, site.web))
    assert live == min(web + NICE, 19)


@pytest.mark.parametrize(("worked", "pause"), [(0, 1), (0.02, 1), (0.04, 2), (0.05, 2.5), (0.1, 3), (9, 3)])
def test_the_more_work_it_is_to_tell_the_less_often_pages_are_told(worked: float, pause: float) -> None:
    # A fiftieth of a core at most; after three seconds in any case, since who is logged out must hear of it.
    assert pause_after(worked) == pytest.approx(pause)


def change() -> None:
    """What any edit of anybody leaves."""
    trail.record(trail.Action.CHANGE, "something")


def refused(site: Site, *asked: str | None) -> int:
    """The status with which a socket is refused before it opens."""
    with pytest.raises(InvalidStatus) as found:
        site.socket(*asked)  # type: ignore[arg-type]
    return found.value.response.status_code


# --- What is told -------------------------------------------------------------------------------------------------


def test_a_page_is_told_the_states_name_when_it_opens_and_when_anything_changes(site: Site) -> None:
    viewer = cookies_of(make_staff("Viewer"))
    before = state_name()
    with site.socket(viewer) as one, site.socket(viewer) as two:
        assert [name for _at, name in said(one, 3)] == [before]
        assert two.recv(timeout=1) == before
        change()
        for socket in (one, two):
            assert socket.recv(timeout=3) == state_name() != before
        # A run that begins leaves no entry, and pages show it.
        make_run(status=ImportRun.Status.RUNNING)
        assert one.recv(timeout=3) == state_name()


def test_what_changes_often_is_told_once_a_second_and_says_nothing_but_a_name(site: Site) -> None:
    with site.socket(cookies_of(make_staff("Viewer"))) as socket, ThreadPoolExecutor(1) as reader:
        socket.recv(timeout=3)
        reading = reader.submit(said, socket, 4)
        for _ in range(10):
            change()
            time.sleep(0.2)
        told = reading.result()
    assert 2 <= len(told) <= 4
    assert all(later - earlier > 0.8 for (earlier, _name), (later, _next) in pairwise(told))
    assert all(len(name) == NAME_LENGTH and name.isalnum() for _at, name in told)
    assert told[-1][1] == state_name()


def test_a_login_or_an_export_changes_no_page_and_is_not_told(site: Site) -> None:
    colleague = make_staff("Viewer")
    with site.socket(cookies_of(make_staff("Viewer"))) as socket:
        socket.recv(timeout=3)
        cookies_of(colleague)
        trail.record(trail.Action.EXPORT, "something")
        assert said(socket, 2.5) == []


def test_what_the_product_reports_is_loaded_and_told_within_seconds(site: Site) -> None:
    customer, token = make_customer(id="reported"), new_token()[0]
    with site.socket(cookies_of(make_staff("Viewer"))) as socket:
        socket.recv(timeout=SOON)
        [waiting] = reported(event(customer.pk, "support_request"), token=token)
        # The run that begins is told first.
        while waiting.state == InboxEvent.State.WAITING:
            socket.recv(timeout=SOON)
            waiting.refresh_from_db()
    assert waiting.state == InboxEvent.State.LOADED
    assert Engagement.objects.get(customer=customer).support_requests == 1


def test_between_two_questions_no_connection_to_the_database_is_held(site: Site) -> None:
    with site.socket(cookies_of(make_staff("Viewer"))) as socket:
        socket.recv(timeout=3)
        held = []
        for _ in range(20):
            held.append(connections_of(site))
            time.sleep(0.11)
    assert held.count(0) >= 12


def connections_of(site: Site) -> int:
    """How many connections to the database the process of the sockets has; the web server was asked for no page."""
    if is_postgres():
        return fetch(
            "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )[0][0]
    files = Path(f"/proc/{site.live.pid}/fd").iterdir()
    return sum("sqlite3" in str(file.readlink()) for file in files if file.is_symlink())


# --- Who has one --------------------------------------------------------------------------------------------------


def test_only_a_page_of_ours_may_ask(site: Site) -> None:
    viewer = cookies_of(make_staff("Viewer"))
    for origin in ("http://evil.example", "null", "http://127.0.0.1", f"http://127.0.0.1:{site.port + 1}", None):
        assert refused(site, viewer, origin) == 403
    with site.socket(viewer) as socket:
        assert socket.recv(timeout=3)


def test_who_may_see_no_page_that_follows_is_told_so(site: Site) -> None:
    nobody, stranger = make_staff(), make_staff("Viewer", is_staff=False)
    for cookies in ("", "sessionid=unknown", cookies_of(nobody), cookies_of(stranger)):
        with site.socket(cookies) as socket:
            assert closed_with(socket) == 4401


def test_a_user_has_five_sockets_at_most(site: Site) -> None:
    user = make_staff("Viewer")
    with ExitStack() as stack:
        # In two browsers.
        of_user = [stack.enter_context(site.socket(cookies_of(user))) for _ in range(5)]
        assert all(socket.recv(timeout=3) for socket in of_user)
        with site.socket(cookies_of(user)) as sixth:
            assert closed_with(sixth) == 4429
        with site.socket(cookies_of(make_staff("Viewer"))) as of_another:
            assert of_another.recv(timeout=3)
        of_user[0].close()
        with site.socket(cookies_of(user)) as again:
            assert again.recv(timeout=3)


def test_a_page_has_nothing_to_say(site: Site) -> None:
    with site.socket(cookies_of(make_staff("Viewer"))) as socket:
        socket.send("hello")
        assert closed_with(socket) == 1008


@pytest.mark.full_run
def test_within_half_a_minute_a_socket_is_closed_whose_page_would_be(site: Site) -> None:
    ended, left, demoted, idle, at_work = (make_staff("Viewer") for _ in range(5))
    cookies = {user: cookies_of(user) for user in (ended, left, demoted, idle, at_work)}
    did_nothing_for(3600 - 15, cookies[idle])
    with ExitStack() as stack:
        sockets = {user: stack.enter_context(site.socket(cookies[user])) for user in cookies}
        assert all(socket.recv(timeout=3) for socket in sockets.values())
        began, pinged = time.monotonic(), pings(sockets[at_work])
        session_of(cookies[ended]).delete()
        left.is_active = False
        left.save()
        demoted.groups.clear()
        for user in (ended, left, demoted, idle):
            assert closed_with(sockets[user], began + 30 - time.monotonic()) == 4401
        change()
        assert sockets[at_work].recv(timeout=5)
        assert len(pinged) == 1


def session_of(cookies: str) -> SessionStore:
    return SessionStore(dict(one.split("=") for one in cookies.split("; "))["sessionid"])


def did_nothing_for(seconds: int, cookies: str) -> None:
    session = session_of(cookies)
    session[sessions.STARTED] = int(time.time()) - seconds
    session.save()


def pings(socket: ClientConnection) -> list[Frame]:
    """The pings that come from now on."""
    found: list[Frame] = []
    take = socket.protocol.recv_frame

    def note(frame: Frame) -> None:
        found.extend([frame] if frame.opcode == Opcode.PING else [])
        take(frame)

    socket.protocol.recv_frame = note  # type: ignore[method-assign]
    return found


# --- The processes ------------------------------------------------------------------------------------------------


def test_with_the_process_gone_pages_are_served_and_it_may_come_back(site: Site) -> None:
    viewer = cookies_of(make_staff("Viewer"))
    with site.socket(viewer) as socket:
        socket.recv(timeout=3)
        site.stop_live()
        assert closed_with(socket) == 1012
    assert not site.place.exists()
    assert refused(site, viewer) == 404
    assert ask(site.port, "/admin/login/")[0] == 200
    site.start_live()
    with site.socket(viewer) as socket:
        assert socket.recv(timeout=3)


def test_one_that_was_killed_is_followed_by_another_and_there_is_only_one(site: Site) -> None:
    site.live.kill()
    site.live.wait()
    assert site.place.exists()
    assert refused(site, cookies_of(make_staff("Viewer"))) == 404
    site.place.unlink()
    site.start_live()
    second = subprocess.run(
        [sys.executable, "manage.py", "live"],
        cwd=settings.BASE_DIR,
        env=site.surroundings,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (second.returncode, second.stdout) == (75, "")
    assert second.stderr == "CommandError: Another process keeps the sockets; nothing was done.\n"
    with site.socket(cookies_of(make_staff("Viewer"))) as socket:
        assert socket.recv(timeout=3)


def test_only_a_request_for_a_socket_is_handed_over(site: Site) -> None:
    assert ask(site.port, settings.LIVE_PATH)[0] == 404
    assert ask(site.port, settings.LIVE_PATH, Upgrade="websocket")[0] == 404
    assert ask(site.port, "/admin/login/", Upgrade="websocket", Connection="Upgrade")[0] == 200
    assert ask(site.port, "/healthz")[0] == 200


def test_turned_off_it_does_nothing(site: Site) -> None:
    done = manage(site.surroundings["DATABASE_URL"], "live", LIVE="0")
    assert (done.returncode, done.stdout, done.stderr) == (0, "LIVE=0: pages ask every minute by themselves.\n", "")


def test_it_ends_with_the_process_that_started_it(site: Site, tmp_path: Path) -> None:
    place = site.place.with_name("t")
    start = f"{sys.executable} manage.py live --with-parent & echo $! && while [ ! -S {place} ]; do sleep 0.1; done"
    started = subprocess.run(
        ["/bin/sh", "-c", start],
        cwd=settings.BASE_DIR,
        env={**site.surroundings, "LIVE_SOCKET": str(place)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    until = time.monotonic() + 10
    while Path(f"/proc/{int(started.stdout)}").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    assert not place.exists()


def test_the_web_server_and_other_commands_load_nothing_of_it() -> None:
    show = (
        "import sys, rsolv_cs.wsgi, rsolv_cs.server; print({'channels', 'uvicorn', 'websockets'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", show],
        cwd=settings.BASE_DIR,
        env=environment("sqlite:////tmp/none.sqlite3"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("set()\n", "")


# --- Many at once -------------------------------------------------------------------------------------------------


async def open_all(site: Site, cookies: list[str]) -> list[str]:
    """Open a socket with each of the cookies, all at the same moment; what each is told first, or why it is not."""

    async def first_word(one: str) -> str:
        address = f"ws://127.0.0.1:{site.port}{settings.LIVE_PATH}"
        headers = {"Cookie": one}
        try:
            async with connect(
                address, origin=site.url, additional_headers=headers, proxy=None, open_timeout=90
            ) as it:
                return str(await asyncio.wait_for(it.recv(), 90))
        except (WebSocketException, OSError, TimeoutError) as error:
            return repr(error)

    return await asyncio.gather(*map(first_word, cookies))


@pytest.mark.full_run
def test_five_hundred_that_come_at_once_are_all_let_in(site: Site) -> None:
    """As after a restart of the server, when every page comes back; other programs keep the machine busy meanwhile."""
    cookies = [cookies_of(make_staff("Viewer")) for _ in range(100)] * 5
    burning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        told = run_alone(open_all(site, cookies))
    finally:
        for one in burning:
            one.kill()
            one.wait()
    assert {name for name in told if len(name) != NAME_LENGTH} == set()
