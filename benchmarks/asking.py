"""Requests one after the other on connections that stay open, timed one by one; nothing between caller and socket.

A blocking socket, one request written and one answer read: some twenty microseconds of Python a request, so that what
is measured is the other side. Latency is from the first byte sent to the last byte received.
"""

from __future__ import annotations

import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from benchmarks.measuring import Limit

RUNS = 7
"""Alternating runs. The least and the largest of 7 differences hold their true median between them at 98.4 %
(1 - 2 / 2**7: order statistics, whatever the distribution)."""
_P99 = 98

Ask = Callable[[], float]
"""Makes one request and says how many milliseconds it took."""


@dataclass
class Caller:
    """One connection that stays open."""

    address: str | tuple[str, int]
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET)
        self._socket.connect(self.address)
        lines = [*(f"{name}: {value}" for name, value in self.headers.items()), f"content-length: {len(self.body)}"]
        head = "\r\n".join(["POST /invocations HTTP/1.1", "host: bench", "content-type: application/json", *lines])
        self._request = f"{head}\r\n\r\n".encode() + self.body

    def ask(self) -> float:
        """Milliseconds that one request took. Raises RuntimeError when it is not answered with 200."""
        began = time.perf_counter_ns()
        self._socket.sendall(self._request)
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0 or len(received) < end + 4 + _length(received[:end]):
            part = self._socket.recv(65536)
            if not part:
                raise RuntimeError(f"the other side went away after {received[:200]!r}")
            received += part
        took = (time.perf_counter_ns() - began) / 1e6
        if not received.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"not answered: {received[:200]!r}")
        return took


def _length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"content-length:")
    return int(rest.split(b"\r\n", 1)[0])


def one_after_the_other(ask: Ask, count: int) -> list[float]:
    """Latencies of `count` requests, each sent when the one before is answered."""
    return [ask() for _ in range(count)]


def at_a_rate(callers: list[Caller], each_second: int, seconds: float) -> list[float]:
    """Latencies at a constant rate, shared among the callers. Raises RuntimeError when the rate is not reached."""
    count, began = round(each_second * seconds), time.perf_counter() + 0.1
    found: list[list[float]] = [[] for _ in callers]

    def stream(number: int) -> None:
        for position in range(number, count, len(callers)):
            time.sleep(max(0.0, began + position / each_second - time.perf_counter()))
            found[number].append(callers[number].ask())

    threads = [threading.Thread(target=stream, args=(number,)) for number in range(len(callers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reached = count / (time.perf_counter() - began)
    took = [each for part in found for each in part]
    if len(took) != count or reached < 0.95 * each_second:
        raise RuntimeError(f"{len(took)} of {count} requests, at {reached:.0f} of {each_second} a second")
    return took


class Added(NamedTuple):
    """By how much one way is slower than the other, in milliseconds: the median of all runs, the least, the most."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, differences: list[float]) -> Added:
        return cls(statistics.median(differences), min(differences), max(differences))

    def limit(self, what: str, most: float, detail: str) -> Limit:
        """The limit on the median; the interval stands in the detail."""
        return Limit(what, self.middle, most, f"[{self.least:.2f}, {self.most:.2f}] in {RUNS} runs; {detail}")


def compared(plain: Callable[[], list[float]], other: Callable[[], list[float]]) -> Iterator[tuple[str, Added, str]]:
    """Differences of the medians and of the 99th percentiles, over `RUNS` alternating runs after one that warms up."""
    plain(), other()
    runs = [(plain(), other()) for _ in range(RUNS)]
    for name, of in (("p50", statistics.median), ("p99", _p99)):
        pairs = [(of(one), of(two)) for one, two in runs]
        base = statistics.median(one for one, _ in pairs)
        yield (
            name,
            Added.of([two - one for one, two in pairs]),
            f"{base:.3f} ms without, {len(runs[0][0])} requests a run",
        )


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[_P99]
