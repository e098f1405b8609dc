"""Envoy configuration as data: pure functions from what traffic should do to what Envoy reads.

Three documents make one proxy. `bootstrap` is read once, at start: the admin socket, the listener, who may
call. `clusters` and `routes` are read from files whenever they are renamed into place, so a split, a route,
a shadow or the set of servers changes without a restart and without a lost request.
"""

from __future__ import annotations

from hybridml.proxy.bootstrap import Authentication, Listener, bootstrap
from hybridml.proxy.clusters import Upstream, clusters
from hybridml.proxy.message import Message, discovery, to_json
from hybridml.proxy.routes import VERSION_HEADER, HeaderRoute, Shadow, Traffic, routes

__all__ = [
    "VERSION_HEADER",
    "Authentication",
    "HeaderRoute",
    "Listener",
    "Message",
    "Shadow",
    "Traffic",
    "Upstream",
    "bootstrap",
    "clusters",
    "discovery",
    "routes",
    "to_json",
]
