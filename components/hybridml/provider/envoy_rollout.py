"""A rollout on Envoy: its traffic moved through the files that Envoy watches, its numbers read from its statistics."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from hybridml.provider.envoy_files import CLUSTERS_FILE, ROUTES_FILE
from hybridml.provider.http_local import get
from hybridml.provider.rollout_folder import Undertaking
from hybridml.proxy import divided, marked, shares
from hybridml.proxy.clusters import cluster_name
from hybridml.rollout.counts import Counts, Pair

_ALL: Final = 100.0
_OK: Final = 200
_MERGED_AFTER: Final = 0.05
"""Envoy merges the histograms of its threads when it is asked, and answers before that is done: it is asked twice."""
_COUNTERS: Final = (
    "upstream_rq_completed",
    "upstream_rq_5xx",
    "upstream_cx_destroy_local_with_active_rq",
    "upstream_rq_cancelled",
    "upstream_rq_timeout",
    "retry.upstream_rq_completed",
)
_LATENCY: Final = "upstream_rq_time"
_DIGITS: Final = 6
_CUT_OFF: Final = 1.0
"""Milliseconds that Envoy counts in."""


class EnvoyMover:
    """Moves the traffic of one endpoint between two configurations of its Envoy."""

    def __init__(self, undertaking: Undertaking) -> None:
        self._doing = undertaking
        self._both = undertaking.after.with_clusters_of(undertaking.before)
        self._prepared = False
        self.percent = 0.0
        """Where the traffic is."""

    def move(self, percent: float) -> None:
        """Give the new revisions `percent` of their variants' weight; 0 is the configuration from before, whole."""
        if percent == 0:
            self._doing.files.restore(self._doing.before)
            self._prepared = False
        else:
            self._prepare()
            self._doing.files.put(ROUTES_FILE, [self._routes(percent)])
        self.percent = percent

    def finish(self) -> None:
        """Let go of what served before: nothing asks for it any more."""
        self._doing.files.put(CLUSTERS_FILE, self._doing.after.clusters)

    @property
    def serving(self) -> frozenset[str]:
        """The revisions that have traffic now."""
        return frozenset(part.revision for part in shares(self._doing.old, self._doing.new, self.percent))

    def _prepare(self) -> None:
        if not self._prepared:
            self._doing.files.put(CLUSTERS_FILE, self._both.clusters)
            self._prepared = True

    def _routes(self, percent: float) -> Mapping[str, Any]:
        (table,) = self._doing.after.routes
        if percent >= _ALL:
            return table
        return marked(divided(table, shares(self._doing.old, self._doing.new, percent)), self._doing.old)


class EnvoySource:
    """Reads what callers got of each revision, retries behind their backs not counted."""

    def __init__(self, undertaking: Undertaking, mover: EnvoyMover) -> None:
        self._doing, self._mover = undertaking, mover
        self._last: dict[str, Counts] = {}

    def read(self) -> Mapping[str, Pair]:
        """Each changing variant, and the champion that serves beside it. Raises OSError without Envoy."""
        champion = self._doing.old["champion"].revision if "champion" in self._doing.old else ""
        read = counts(self._doing.files.admin, {champion, *(new.revision for _, new in self._doing.moving.values())})
        found = {revision: steady(now, self._last.get(revision)) for revision, now in read.items()}
        self._last = found
        return {
            name: Pair(
                candidate=found[new.revision],
                champion=found[champion] if champion in self._mover.serving and champion != new.revision else None,
            )
            for name, (_, new) in self._doing.moving.items()
        }


def steady(now: Counts, last: Counts | None) -> Counts:
    """`now` with no fewer failures than `last`, unless Envoy began to count anew.

    Failures are a sum and a difference of counters that Envoy does not read all at the same moment.
    """
    served = now.requests - now.failures
    if last is None or now.failures >= last.failures or served < last.requests - last.failures:
        return now
    return replace(now, requests=served + last.failures, failures=last.failures)


def counts(admin: Path | None, revisions: Iterable[str]) -> dict[str, Counts]:
    """What the split got of each of `revisions` since Envoy started. Raises OSError when Envoy does not answer."""
    if admin is None:
        raise OSError("no admin socket of Envoy is known, so nothing can be measured")
    wanted = sorted(filter(None, revisions))
    names = "|".join(re.escape(cluster_name(revision)) for revision in wanted)
    pattern = quote(rf"^cluster\.({names})\.(retry\.)?upstream_[a-z0-9_]+$")
    _ask(admin, "/stats?format=json&filter=^server.state$")
    time.sleep(_MERGED_AFTER)
    statistics = _ask(admin, f"/stats?format=json&histogram_buckets=detailed&filter={pattern}")
    return {revision: _counts(cluster_name(revision), statistics) for revision in wanted}


def _ask(admin: Path, path: str) -> list[dict[str, Any]]:
    status, body = get(admin, path)
    if status != _OK:
        raise OSError(f"Envoy's admin interface answered {status}")
    try:
        found = json.loads(body)["stats"]
    except (ValueError, KeyError, TypeError):
        raise OSError("Envoy's admin interface answered what is no statistics") from None
    return list(found)


def _counts(cluster: str, statistics: Iterable[Mapping[str, Any]]) -> Counts:
    numbers: dict[str, int] = {}
    latency: dict[float, int] = {}
    for entry in statistics:
        if "histograms" in entry:
            latency = _latency(f"cluster.{cluster}.{_LATENCY}", entry["histograms"])
        else:
            numbers[str(entry.get("name"))] = int(entry.get("value") or 0)
    completed, failed, left, cancelled, timeout, retried = (
        numbers.get(f"cluster.{cluster}.{counter}", 0) for counter in _COUNTERS
    )
    # Who left is seen by the connection that Envoy gave up; so are a timeout, which is counted as the 504 that it was
    # answered with, and an answer that was dropped in order to ask again. One without a body has nothing left to drop:
    # each such 503, which our servers never give, hides one caller who left.
    unanswered = max(0, left + cancelled - timeout - retried)
    return Counts(requests=completed + unanswered, failures=failed + unanswered, latency=latency)


def _latency(name: str, histograms: Mapping[str, Any]) -> dict[float, int]:
    """Upper bound in milliseconds to requests; an empty bin closes each gap below one. No observation, no bins.

    Envoy cuts off what is less than a millisecond, so that 2 in its bin from 2 to 2.1 is anything from 2 to 3.
    """
    details = histograms.get("details", [])
    bins = next((each.get("totals") or [] for each in details if each.get("name") == name), [])
    gaps = {_rounded(each["lower_bound"]): 0 for each in bins}
    return gaps | {_rounded(each["lower_bound"] + max(each["width"], _CUT_OFF)): int(each["count"]) for each in bins}


def _rounded(bound: float) -> float:
    return bound if math.isinf(bound) else round(float(bound), _DIGITS)
