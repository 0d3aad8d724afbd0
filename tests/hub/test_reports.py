"""Presence reports: the journal, the order of POSTs, slow handlers, the stop."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import pytest

from channelshim import limits
from channelshim.contracts.dispatcher import InternalRequest, InternalResponse
from channelshim.contracts.presence import Change
from channelshim.errors import StorageError
from channelshim.hub import reports as reports_module
from channelshim.hub.journal import PresenceJournal
from channelshim.hub.reports import PresenceReports, presence_request
from channelshim.kernel.threads import Threads
from tests.lanes import timeout_factor

PATIENCE_SECONDS = 10.0 * timeout_factor()

Wait = Callable[[Callable[[], Any]], Any]


class Journal:
    """contracts.store.Journal, that can break."""

    def __init__(self) -> None:
        self.connected: set[str] = set()
        self.commits = 0
        self.is_broken = False

    def note(self, connected: Iterable[str], disconnected: Iterable[str]) -> None:
        """See contracts.store.Journal."""
        if self.is_broken:
            raise StorageError("the disk is full")
        self.commits += 1
        self.connected |= set(connected)
        self.connected -= set(disconnected)

    def connected_client_ids(self) -> Sequence[str]:
        """See contracts.store.Journal."""
        return sorted(self.connected)


class App:
    """A dispatcher that writes down, and holds the POSTs of some ids."""

    def __init__(self, journal: Journal) -> None:
        self.posts: list[tuple[str, str]] = []
        self.told: list[tuple[str, str]] = []
        self.held: dict[str, threading.Event] = {}
        self.overlaps = 0
        self.journalled: dict[str, bool] = {}
        self._journal = journal
        self._running: set[str] = set()
        self._lock = threading.Lock()

    def dispatch(self, request: InternalRequest) -> InternalResponse:
        """See contracts.dispatcher."""
        client_id = parse_qs(request.body.decode("ascii"))["from"][0]
        what = request.path.strip("/").rpartition("/")[2]
        with self._lock:
            self.overlaps += client_id in self._running
            self._running.add(client_id)
            self.journalled[client_id] = client_id in self._journal.connected
        held = self.held.get(client_id)
        if held is not None:
            assert held.wait(PATIENCE_SECONDS)
        with self._lock:
            self._running.discard(client_id)
            self.posts.append((what, client_id))
        return InternalResponse(404, (), b"")

    def note_told(self, client_id: str, what: Change) -> None:
        """Stand in for the broker's `told`."""
        self.told.append((what.value, client_id))

    def of(self, client_id: str) -> list[str]:
        """Return what was posted about one id, in order."""
        return [what for what, posted in self.posts if posted == client_id]


def open_reports(app: App, journal: Journal, **options: Any) -> PresenceReports:
    """Return reports that write in the journal and post to the app."""
    return PresenceReports(app, PresenceJournal(journal), app.note_told, **options)


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def app(journal: Journal) -> App:
    return App(journal)


@pytest.fixture
def reports(app: App, journal: Journal) -> Iterator[PresenceReports]:
    opened = open_reports(app, journal)
    yield opened
    for held in app.held.values():
        held.set()
    opened.stop(PATIENCE_SECONDS)


@pytest.mark.parametrize("client_id", ["a", "a&b=c d", "é中😀", "100%"])
def test_from_is_encoded_so_that_any_id_arrives_whole(client_id: str) -> None:
    request = presence_request(client_id, is_connected=True)
    assert request.path == limits.PATH_CONNECTED
    assert request.remote_address == limits.PRESENCE_REMOTE_ADDRESS
    assert parse_qs(request.body.decode("ascii")) == {"from": [client_id]}
    gone = presence_request(client_id, is_connected=False)
    assert gone.path == limits.PATH_DISCONNECTED


def test_posts_of_one_id_come_in_order_and_never_overlap(
    reports: PresenceReports, app: App, wait_until: Wait
) -> None:
    held = app.held["a"] = threading.Event()
    reports.tell("a", Change.CONNECTED)
    wait_until(lambda: app.journalled)
    reports.tell("a", Change.DISCONNECTED)
    held.set()
    wait_until(lambda: len(app.posts) == 2)
    assert app.of("a") == ["connected", "disconnected"]
    assert app.overlaps == 0


def test_the_broker_hears_what_the_app_was_told(
    reports: PresenceReports, app: App, wait_until: Wait
) -> None:
    reports.tell("a", Change.CONNECTED)
    wait_until(lambda: app.told)
    reports.tell("a", Change.DISCONNECTED)
    wait_until(lambda: len(app.told) == 2)
    assert app.told == app.posts == [("connected", "a"), ("disconnected", "a")]


def test_where_the_broker_keeps_presence_no_journal_is_needed(
    app: App, wait_until: Wait
) -> None:
    reports = PresenceReports(app, None, app.note_told)
    reports.tell("a", Change.CONNECTED)
    reports.tell("a", Change.DISCONNECTED)
    # Nothing, when the page had left again before anybody was told.
    wait_until(lambda: app.of("a")[-1:] == ["disconnected"])
    reports.stop(PATIENCE_SECONDS)
    assert app.told == app.posts


def test_the_journal_is_written_before_the_app_is_told(
    reports: PresenceReports, app: App, journal: Journal, wait_until: Wait
) -> None:
    held = app.held["a"] = threading.Event()
    reports.tell("a", Change.CONNECTED)
    wait_until(lambda: "a" in app.journalled)
    assert app.journalled["a"]
    reports.tell("a", Change.DISCONNECTED)
    # It may forget the id only when the app knows: a crash now must report it.
    assert "a" in journal.connected
    held.set()
    wait_until(lambda: not journal.connected)
    assert app.of("a") == ["connected", "disconnected"]


def test_who_comes_back_while_the_journal_forgets_stays_in_it(
    reports: PresenceReports, app: App, journal: Journal, wait_until: Wait
) -> None:
    held = app.held["a"] = threading.Event()
    reports.tell("a", Change.CONNECTED)
    wait_until(lambda: "a" in app.journalled)
    reports.tell("a", Change.DISCONNECTED)
    reports.tell("a", Change.CONNECTED)
    held.set()
    reports.tell("b", Change.CONNECTED)
    wait_until(lambda: "connected" in app.of("b"))
    wait_until(lambda: app.of("a")[-1] == "connected")
    assert "a" in journal.connected
    # Either both or none: it came back before anybody was told that it had gone.
    assert app.of("a") in (
        ["connected"],
        ["connected", "disconnected", "connected"],
    )


def test_the_broker_hears_of_a_change_that_needs_no_post(
    app: App, wait_until: Wait
) -> None:
    held = app.held["busy"] = threading.Event()
    reports = PresenceReports(app, None, app.note_told, runners=1)
    reports.tell("busy", Change.CONNECTED)
    wait_until(lambda: "busy" in app.journalled)
    reports.tell("a", Change.DISCONNECTED)
    wait_until(lambda: "a" in reports._pending)
    reports.tell("a", Change.CONNECTED)
    # Else it would wait for that for ever, and tell no later change.
    wait_until(lambda: app.told == [("connected", "a")])
    held.set()
    reports.stop(PATIENCE_SECONDS)
    assert app.of("a") == []


def queue_up(
    reports: PresenceReports, wait_until: Wait, *steps: tuple[Change, list[bool]]
) -> None:
    """Report changes of one id, each with what then waits to be posted."""
    for change, waiting in steps:
        reports.tell("a", change)

        def is_queued(waiting: list[bool] = waiting) -> bool:
            return [*reports._pending["a"]] == waiting

        wait_until(is_queued)


def test_the_broker_hears_of_no_change_that_the_app_has_yet_to_be_told(
    app: App, wait_until: Wait
) -> None:
    held = app.held["a"] = threading.Event()
    reports = PresenceReports(app, None, app.note_told)
    reports.tell("a", Change.CONNECTED)
    wait_until(lambda: "a" in app.journalled)
    queue_up(
        reports, wait_until, (Change.DISCONNECTED, [False]), (Change.CONNECTED, [])
    )
    assert app.told == []
    held.set()
    reports.stop(PATIENCE_SECONDS)
    assert app.posts == app.told == [("connected", "a")]


def test_the_same_while_no_runner_is_free(app: App, wait_until: Wait) -> None:
    held = app.held["busy"] = threading.Event()
    reports = PresenceReports(app, None, app.note_told, runners=1)
    reports.tell("busy", Change.CONNECTED)
    wait_until(lambda: "busy" in app.journalled)
    reports.tell("a", Change.CONNECTED)
    wait_until(lambda: "a" in reports._pending)
    queue_up(
        reports,
        wait_until,
        (Change.DISCONNECTED, [True, False]),
        (Change.CONNECTED, [True]),
    )
    assert app.told == []
    held.set()
    reports.stop(PATIENCE_SECONDS)
    assert app.told == app.posts == [("connected", "busy"), ("connected", "a")]


def test_who_comes_back_after_two_ends_is_connected_in_the_end(
    app: App, wait_until: Wait
) -> None:
    held = app.held["a"] = threading.Event()
    reports = PresenceReports(app, None, app.note_told)
    reports.tell("a", Change.DISCONNECTED)
    wait_until(lambda: "a" in app.journalled)
    # As a broker says again that takes up its work after an outage.
    queue_up(
        reports, wait_until, (Change.DISCONNECTED, [False]), (Change.CONNECTED, [True])
    )
    held.set()
    reports.stop(PATIENCE_SECONDS)
    assert app.posts == app.told == [("disconnected", "a"), ("connected", "a")]


def test_the_same_when_the_first_end_has_just_been_posted(
    app: App, wait_until: Wait
) -> None:
    held = app.held["a"] = threading.Event()
    is_posted, may_go_on = threading.Event(), threading.Event()

    def note_told(client_id: str, what: Change) -> None:
        app.note_told(client_id, what)
        is_posted.set()
        assert may_go_on.wait(PATIENCE_SECONDS)

    reports = PresenceReports(app, None, note_told)
    reports.tell("a", Change.DISCONNECTED)
    wait_until(lambda: "a" in app.journalled)
    queue_up(reports, wait_until, (Change.DISCONNECTED, [False]))
    held.set()
    assert is_posted.wait(PATIENCE_SECONDS)
    queue_up(reports, wait_until, (Change.CONNECTED, [True]))
    may_go_on.set()
    reports.stop(PATIENCE_SECONDS)
    assert app.posts == app.told == [("disconnected", "a"), ("connected", "a")]
    assert not reports._in_hand


def test_a_slow_handler_holds_up_its_own_id_alone(
    reports: PresenceReports, app: App, wait_until: Wait
) -> None:
    for name in ("slow1", "slow2", "slow3"):
        app.held[name] = threading.Event()
        reports.tell(name, Change.CONNECTED)
    wait_until(lambda: len(app.journalled) == 3)
    for number in range(20):
        reports.tell(f"quick{number}", Change.CONNECTED)
    wait_until(lambda: len(app.posts) == 20)
    assert not any(app.of(name) for name in app.held)


def test_many_changes_are_gathered_into_few_commits(
    reports: PresenceReports, app: App, journal: Journal, wait_until: Wait
) -> None:
    for number in range(500):
        reports.tell(str(number), Change.CONNECTED)
    wait_until(lambda: len(app.posts) == 500)
    assert len(journal.connected) == 500
    assert journal.commits < 100


def test_a_journal_that_cannot_be_written_silences_nobody(
    reports: PresenceReports,
    app: App,
    journal: Journal,
    wait_until: Wait,
    caplog: pytest.LogCaptureFixture,
) -> None:
    journal.is_broken = True
    reports.tell("a", Change.CONNECTED)
    wait_until(lambda: app.of("a") == ["connected"])
    assert "the disk is full" in caplog.text


def test_production_rule_keeps_the_journal_and_posts_nothing(
    app: App, journal: Journal, wait_until: Wait
) -> None:
    silent = open_reports(app, journal, is_posting=False)
    silent.tell("a", Change.CONNECTED)
    wait_until(lambda: "a" in journal.connected)
    silent.tell("a", Change.DISCONNECTED)
    wait_until(lambda: "a" not in journal.connected)
    silent.stop(PATIENCE_SECONDS)
    assert app.posts == []


def test_stop_finishes_what_was_reported(app: App, journal: Journal) -> None:
    threads = Threads()
    reports = open_reports(app, journal, threads=threads)
    for number in range(10):
        reports.tell(str(number), Change.CONNECTED)
    reports.stop(PATIENCE_SECONDS)
    assert len(journal.connected) == 10
    assert len(app.posts) == 10
    assert threads.running() == {}


def test_stop_waits_for_a_stuck_handler_no_longer_than_it_may(
    app: App, journal: Journal, wait_until: Wait
) -> None:
    held = app.held["stuck"] = threading.Event()
    reports = open_reports(app, journal)
    reports.tell("stuck", Change.CONNECTED)
    wait_until(lambda: "stuck" in app.journalled)
    reports.stop(0.05)
    assert app.posts == []
    held.set()
    reports.stop(PATIENCE_SECONDS)


def test_stop_without_any_report_is_no_error(app: App, journal: Journal) -> None:
    open_reports(app, journal).stop(1.0)


def keep_coming(
    monkeypatch: pytest.MonkeyPatch, reports: PresenceReports, count: int
) -> None:
    """Let one more page connect during each of the next waits of the journal."""
    coming = iter(range(count))

    def sleep(seconds: float) -> None:
        time.sleep(0.001)
        for number in itertools.islice(coming, 1):
            reports.tell(f"later {number}", Change.CONNECTED)

    clock = SimpleNamespace(sleep=sleep, monotonic=time.monotonic)
    monkeypatch.setattr(reports_module, "time", clock)


def test_pages_that_come_one_after_the_other_are_told_of_together(
    reports: PresenceReports,
    app: App,
    journal: Journal,
    wait_until: Wait,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reports_module, "PRESENCE_BURST_SECONDS", PATIENCE_SECONDS)
    keep_coming(monkeypatch, reports, 20)
    reports.tell("a", Change.CONNECTED)
    wait_until(lambda: len(app.posts) == 21)
    assert journal.commits == 1


def test_pages_that_never_cease_to_come_do_not_keep_the_app_from_being_told(
    reports: PresenceReports,
    app: App,
    wait_until: Wait,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reports_module, "PRESENCE_BURST_SECONDS", 0.02)
    keep_coming(monkeypatch, reports, 1_000_000)
    reports.tell("a", Change.CONNECTED)
    wait_until(lambda: app.of("a") == ["connected"])


FAULTS: list[type[BaseException]] = [
    *(SystemExit, KeyboardInterrupt, GeneratorExit, BaseException, UnicodeEncodeError),
    *(OSError, MemoryError),
]


def fault_of(kind: type[BaseException]) -> BaseException:
    if kind is UnicodeEncodeError:
        return UnicodeEncodeError("utf-8", "\ud800", 0, 1, "on purpose")
    return kind("on purpose")


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize(
    ("owner", "name"),
    [
        *(("journal", "note"), ("app", "dispatch"), ("reports", "_gather")),
        *(("reports", "_take"), ("reports", "_queue"), ("ledger", "write")),
        *(("reports", "_next"), ("reports", "_post"), ("reports", "_wake_runner")),
    ],
)
def test_nothing_that_is_raised_ends_presence(
    app: App,
    journal: Journal,
    wait_until: Wait,
    monkeypatch: pytest.MonkeyPatch,
    owner: str,
    name: str,
    kind: type[BaseException],
) -> None:
    threads = Threads(first_pause_seconds=0.001, longest_pause_seconds=0.01)
    reports = open_reports(app, journal, threads=threads)
    owners = {"journal": journal, "app": app, "reports": reports}
    target = owners.get(owner, reports._journal)
    works = getattr(target, name)
    left = iter(range(2))

    def fail(*arguments: Any, **more: Any) -> Any:
        for _ in left:
            raise fault_of(kind)
        return works(*arguments, **more)

    monkeypatch.setattr(target, name, fail)
    ids = [str(number) for number in range(5)]
    for client_id in ids:
        reports.tell(client_id, Change.CONNECTED)
    # Of the two that fail, a POST may be told as lost, never one of the others.
    lost = 2 if name in ("dispatch", "_post") else 0
    wait_until(lambda: len(app.posts) >= len(ids) - lost)
    for client_id in [*ids, "later"]:
        reports.tell(client_id, Change.DISCONNECTED)
    wait_until(lambda: all(app.of(each)[-1:] == ["disconnected"] for each in ids))
    reports.tell("later", Change.CONNECTED)
    wait_until(lambda: app.of("later")[-1:] == ["connected"])
    reports.stop(PATIENCE_SECONDS)
    assert app.overlaps == 0
    assert threads.running() == {}


def test_handlers_that_never_return_are_given_up(
    app: App, journal: Journal, wait_until: Wait, caplog: pytest.LogCaptureFixture
) -> None:
    threads = Threads()
    reports = open_reports(
        app, journal, threads=threads, runners=2, deadline_seconds=0.01
    )
    for client_id in ("stuck 1", "stuck 2", "stuck 3"):
        app.held[client_id] = threading.Event()
        reports.tell(client_id, Change.CONNECTED)
    reports.tell("good", Change.CONNECTED)
    wait_until(lambda: app.of("good") == ["connected"])
    assert "has not returned" in caplog.text
    # What is queued for one that is stuck waits for it.
    reports.tell("stuck 1", Change.DISCONNECTED)
    reports.tell("good 2", Change.CONNECTED)
    wait_until(lambda: app.of("good 2") == ["connected"])
    assert app.of("stuck 1") == []
    for held in app.held.values():
        held.set()
    wait_until(lambda: app.of("stuck 1") == ["connected", "disconnected"])
    wait_until(lambda: sum(threads.running().values()) <= 3)
    reports.stop(PATIENCE_SECONDS)
    assert app.overlaps == 0
    assert threads.running() == {}


def test_presence_goes_on_when_the_system_has_threads_again(
    app: App,
    journal: Journal,
    reports: PresenceReports,
    wait_until: Wait,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    works = Threads.start
    left = iter(range(3))

    def refuse(self: Threads, name: str, loop: Callable[[], None]) -> Any:
        for _ in left:
            raise RuntimeError("can't start new thread")
        return works(self, name, loop)

    monkeypatch.setattr(Threads, "start", refuse)
    monkeypatch.setattr(reports_module, "THREAD_RETRY_SECONDS", 0.001)
    for number in range(4):
        reports.tell(str(number), Change.CONNECTED)
    wait_until(lambda: len(app.posts) == 4)
