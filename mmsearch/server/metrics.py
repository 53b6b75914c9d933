"""Numbers for Prometheus: requests, questions, batches, the index, jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from mmsearch.engine.records import LibraryStatus
from mmsearch.errors import MmsearchError

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_METHODS = frozenset(("GET", "HEAD", "POST", "DELETE", "OPTIONS"))


class Metrics:
    """The metrics of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "mmsearch_http_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._request_seconds = Histogram(
            "mmsearch_http_request_seconds",
            "Time from a request's head to the end of its response.",
            ("route",),
            registry=self.registry,
            buckets=_SECONDS,
        )
        self._questions = Counter(
            "mmsearch_queries", "Questions answered.", ("target",), registry=self.registry
        )
        self._question_seconds = Histogram(
            "mmsearch_query_seconds",
            "Time a question takes in the engine.",
            registry=self.registry,
            buckets=_SECONDS,
        )
        self._jobs = Counter(
            "mmsearch_jobs", "Jobs that ended.", ("state",), registry=self.registry
        )
        ProcessCollector(registry=self.registry)

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request; methods that nobody defined are one label."""
        name = method if method in _METHODS else "other"
        self._requests.labels(name, route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def count_question(self, target: str, seconds: float) -> None:
        """Count one answered question."""
        self._questions.labels(target).inc()
        self._question_seconds.observe(seconds)

    def count_job(self, state: str) -> None:
        """Count one job that ended."""
        self._jobs.labels(state).inc()

    def watch_index(self, status: Callable[[], LibraryStatus]) -> None:
        """Have the index counted whenever the metrics are read."""
        self.registry.register(_IndexCollector(status))

    def text(self) -> bytes:
        """All metrics in Prometheus's text format."""
        return generate_latest(self.registry)


class _IndexCollector(Collector):
    """What the index holds, read when it is asked for."""

    def __init__(self, status: Callable[[], LibraryStatus]) -> None:
        self._status = status

    def describe(self) -> list[Metric]:
        """Nothing: registering is not to read the index."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Counts and sizes; none while there is no index."""
        try:
            status = self._status()
        except MmsearchError:
            return
        counts = {
            "files": (status.n_files, "Files indexed."),
            "pictures": (status.n_contents, "Distinct pictures indexed."),
            "captions": (status.n_captions, "Captions indexed."),
            "failures": (status.n_failed, "Files that could not be indexed."),
            "size_bytes": (status.size_bytes, "What the index takes on disk."),
        }
        for name, (value, says) in counts.items():
            yield GaugeMetricFamily(f"mmsearch_index_{name}", says, value=value)
