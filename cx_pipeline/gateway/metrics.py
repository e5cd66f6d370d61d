"""What the gateway counts and measures of itself, for Prometheus. Rooms add their own on `registry`."""

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER = "other"
_BUCKETS_S = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The gateway's figures. Names begin with `cx_gateway_`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self.running = Gauge(
            "cx_gateway_requests_running", "Requests that are being answered.", registry=self.registry
        )
        self._requests = Counter(
            "cx_gateway_requests",
            "Requests that were answered, by route, method and status.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self._first_byte = Histogram(
            "cx_gateway_first_byte_seconds",
            "From a request's head to the head of its answer.",
            ("route", "method"),
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self._whole = Histogram(
            "cx_gateway_request_seconds",
            "From a request's head to the end of its answer.",
            ("route", "method"),
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        # Looking a labelled figure up costs more than counting with it; there are few combinations.
        self._observers: dict[tuple[str, str, int], _Observer] = {}

    def observe(self, route: str, method: str, status: int, first_byte_s: float, whole_s: float) -> None:
        """Note one answered request.

        Args:
            route: template of its path, never the path itself.
            method: as it came; unknown ones count as one.
            status: of the answer; 0 if the client left before there was one.
            first_byte_s: until the head of the answer.
            whole_s: until its end.
        """
        key = (route, method, status)
        observer = self._observers.get(key)
        if observer is None:
            observer = self._observer(route, method if method in _METHODS else _OTHER, status)
            if method in _METHODS:
                self._observers[key] = observer
        observer(first_byte_s, whole_s)

    def as_text(self) -> bytes:
        """All figures in Prometheus' text format; asks the collectors, so not on the event loop."""
        return generate_latest(self.registry)

    def _observer(self, route: str, method: str, status: int) -> "_Observer":
        count = self._requests.labels(route, method, str(status)).inc
        first = self._first_byte.labels(route, method).observe
        whole = self._whole.labels(route, method).observe

        def observe(first_byte_s: float, whole_s: float) -> None:
            count()
            first(first_byte_s)
            whole(whole_s)

        return observe


_Observer = Callable[[float, float], None]
