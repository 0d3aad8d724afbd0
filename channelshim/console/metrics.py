"""The numbers of a server, as Prometheus reads them.

Nothing is counted here: all is read from the rooms when somebody asks, so that a server
nobody asks pays nothing. Loaded at the first question; needs prometheus-client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from channelshim.contracts.status import Histogram
from channelshim.errors import BrokerError, StorageError
from channelshim.version import __version__

if TYPE_CHECKING:
    from channelshim.console.probes import ProbeSources

_PREFIX: Final = "channelshim_"

_CONNECTIONS: Final = "transports.connections."
"""Of counters: a state follows, which becomes a label."""

_TOTALS: Final = frozenset(
    {
        "hub.written",
        "jobs.cron_failures",
        "jobs.cron_runs",
        "mail.failed",
        "mail.sent",
        "processes.restarts",
        "server.answers",
        "server.errors",
        "server.requests",
        "threads.restarts",
        "transports.readers_cut",
    }
)
"""What only grows until the server ends; all else goes up and down."""

_LEFT_OUT: Final = frozenset(
    {
        # The histogram has it.
        "server.answer_seconds",
        # Every broker's are among the channels.
        "broker.client_ids",
        "broker.window_bytes",
    }
)

HELP: Final = {
    "hub.client_ids": "Client ids that are connected to this process.",
    "hub.connections": "Connections of pages to this process, polls included.",
    "hub.written": "Deliveries: messages written, each connection counted.",
    "jobs.cron_failures": "Runs of a cron job that failed.",
    "jobs.cron_runs": "Runs of a cron job that have ended.",
    "jobs.tasks_running": "Tasks of push queues that run in this process.",
    "jobs.tasks_waiting": "Tasks of all push queues that wait.",
    "mail.failed": "Mails that were given up for a recipient or more.",
    "mail.oldest_seconds": "How long the oldest mail has waited; 0 for none.",
    "mail.sent": "Mails that the mail server took for all recipients.",
    "mail.waiting": "Mails that wait to be sent.",
    "presence.waiting": "Changes of presence that the app has not been told of.",
    "processes.restarts": "App processes that were started again.",
    "processes.running": "App processes that run.",
    "server.answers": "Answers of the app, by class of status.",
    "server.duration_seconds": "From a request's body to the beginning of its answer.",
    "server.errors": "Answers of status 500 and above.",
    "server.requests": "Requests that the app was asked.",
    "server.requests_in_hand": "Requests that the app has not finished.",
    "server.requests_waiting": "Requests that wait for a thread or a process.",
    "store.bytes": "Size of the store.",
    "store.write_seconds": "Writes to the store, the wait for others included.",
    "threads.restarts": "Threads of the server that failed and were begun again.",
    "threads.running": "Threads of the server that stay.",
    "transports.bodies": "Bodies of requests that are being received.",
    "transports.bodies_held": "Bodies that are whole and the app is not done with.",
    "transports.body_bytes": "Bytes of all these bodies.",
    "transports.readers_cut": "Connections that were cut as too slow to read.",
    "transports.slow_readers": "Connections that are behind in reading.",
    "transports.waiting_bytes": "Bytes that wait for slow readers.",
    "transports.websockets": "WebSockets.",
}
"""What numbers mean, by the name that they are registered under."""


def exposition(sources: ProbeSources, accept: str) -> tuple[str, bytes]:
    """Return the numbers of now: the content type, and the text.

    Args:
        sources: where they are read.
        accept: the header; OpenMetrics for whoever takes it.
    """
    registry = CollectorRegistry()
    registry.register(_Numbers(sources))
    ProcessCollector(registry=registry)
    try:
        encode, content_type = choose_encoder(accept)
    except (TypeError, ValueError):
        # It compares the version's numbers, which may be letters.
        encode, content_type = choose_encoder("")
    return content_type, encode(registry)


class _Numbers(Collector):
    """Reads all rooms, each time anew."""

    def __init__(self, sources: ProbeSources) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """Yield every number."""
        info = GaugeMetricFamily(
            f"{_PREFIX}info", "What runs.", labels=["application", "version"]
        )
        info.add_metric([self._sources.application_id, __version__], 1)
        yield info
        yield from self._checks()
        yield from self._counters()
        for name, (label, numbers) in sorted(self._sources.status.tables().items()):
            yield _family(name, label, numbers.items())
        for name, histogram in sorted(self._sources.status.histograms().items()):
            yield _histogram(name, histogram)
        # Of a back end that is away the other numbers still come.
        yield from _unless_away(self._channels)
        yield from _unless_away(self._queues)

    def _checks(self) -> Iterator[Metric]:
        findings = self._sources.status.findings()
        yield GaugeMetricFamily(
            f"{_PREFIX}healthy",
            "1, or 0 while a vital check fails.",
            value=not findings.vital,
        )
        failing = GaugeMetricFamily(
            f"{_PREFIX}problem", "1 for each check that fails.", labels=["check"]
        )
        for name in sorted(findings.problems):
            failing.add_metric([name], 1)
        yield failing

    def _counters(self) -> Iterator[Metric]:
        states: list[tuple[str, float]] = []
        for name, number in sorted(self._sources.status.counters().items()):
            if name.startswith(_CONNECTIONS):
                states.append((name[len(_CONNECTIONS) :], number))
            elif name not in _LEFT_OUT:
                yield _family(name, "", [("", number)])
        connections = GaugeMetricFamily(
            f"{_PREFIX}connections",
            "Connections by what they are in the middle of.",
            labels=["state"],
        )
        for state, number in states:
            connections.add_metric([state], number)
        yield connections

    def _channels(self) -> Iterator[Metric]:
        counts = self._sources.overview.counts()
        yield GaugeMetricFamily(
            f"{_PREFIX}channels_known",
            "Client ids whose messages are kept.",
            value=counts.known_ids,
        )
        yield GaugeMetricFamily(
            f"{_PREFIX}window_bytes",
            "Messages kept for pages that come back.",
            value=counts.kept_bytes,
        )

    def _queues(self) -> Iterator[Metric]:
        sources, now = self._sources, self._sources.clock.time()
        tasks = _by_queue("tasks", "Tasks that wait, run or are leased.")
        in_hand = _by_queue("tasks_in_hand", "Tasks that run or are leased.")
        age = _by_queue(
            "oldest_task_seconds", "How long the oldest task has been due; 0 for none."
        )
        for queue in sources.queues.queues:
            store = sources.store.pull_tasks if queue.is_pull else sources.store.tasks
            found = store.statistics(queue.name, now)
            eta = now if found.oldest_eta is None else found.oldest_eta
            tasks.add_metric([queue.name], found.tasks)
            in_hand.add_metric([queue.name], found.in_hand)
            age.add_metric([queue.name], max(0.0, now - eta))
        yield from (tasks, in_hand, age)


def _unless_away(read: Callable[[], Iterator[Metric]]) -> list[Metric]:
    try:
        return list(read())
    except (BrokerError, StorageError):
        # A check of its own says so.
        return []


def _by_queue(name: str, sentence: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{_PREFIX}queue_{name}", sentence, labels=["queue"])


def _family(name: str, label: str, numbers: Iterable[tuple[str, float]]) -> Metric:
    """Return numbers under the name that they are registered under."""
    labels = [label] if label else []
    facts = (_name(name), HELP.get(name, name))
    family: CounterMetricFamily | GaugeMetricFamily
    if name in _TOTALS:
        family = CounterMetricFamily(*facts, labels=labels)
    else:
        family = GaugeMetricFamily(*facts, labels=labels)
    for thing, number in numbers:
        family.add_metric([thing] if label else [], number)
    return family


def _histogram(name: str, histogram: Histogram) -> Metric:
    sums = list(accumulate(histogram.counts))
    ends = [*map(repr, histogram.bounds), "+Inf"]
    return HistogramMetricFamily(
        _name(name),
        HELP.get(name, name),
        buckets=list(zip(ends, sums, strict=True)),
        sum_value=histogram.total,
    )


def _name(name: str) -> str:
    return _PREFIX + name.replace(".", "_")
