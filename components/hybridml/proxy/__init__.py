"""Envoy configuration as data: pure functions from what traffic should do to what Envoy reads.

Three documents make one proxy. `bootstrap` is read once, at start: the admin socket, the listener, who may
call. `clusters` and `routes` are read from files whenever they are renamed into place, so a split, a route,
a shadow or the set of servers changes without a restart and without a lost request.
"""

from __future__ import annotations

from hybridml.proxy.bootstrap import Authentication, Listener, bootstrap
from hybridml.proxy.clusters import Upstream, clusters
from hybridml.proxy.message import Message, discovery, to_json
from hybridml.proxy.routes import HeaderRoute, Shadow, Traffic, callers_of_both, routes
from hybridml.proxy.split import (
    VERSION_HEADER,
    ServedVariant,
    Share,
    Variants,
    divided,
    marked,
    moving,
    shares,
    variants_of,
)

__all__ = [
    "VERSION_HEADER",
    "Authentication",
    "HeaderRoute",
    "Listener",
    "Message",
    "ServedVariant",
    "Shadow",
    "Share",
    "Traffic",
    "Upstream",
    "Variants",
    "bootstrap",
    "callers_of_both",
    "clusters",
    "discovery",
    "divided",
    "marked",
    "moving",
    "routes",
    "shares",
    "to_json",
    "variants_of",
]
