"""The plugin process: binds a port of 127.0.0.1, prints it, serves until its engine is gone."""

from __future__ import annotations

import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from hybridml.errors import ResourceError
from hybridml.provider.adapter import Adapter
from hybridml.provider.resources import RESOURCES
from hybridml.provider.schema import schema_json

MESSAGE_BYTES = 400 * 1024 * 1024
"""Largest message, the limit that Pulumi's own plugins have."""
WORKERS = 64
"""Resources that are worked on at once; each waits far more than it computes."""
_LOOK_AT_PARENT = 1.0


def start() -> tuple[grpc.Server, int]:
    """A started server and its port on 127.0.0.1."""
    options = [("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.max_send_message_length", MESSAGE_BYTES)]
    server = grpc.server(ThreadPoolExecutor(max_workers=WORKERS), options=options)
    adapter = Adapter(RESOURCES, lambda: schema_json(RESOURCES))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(adapter, server)
    port = server.add_insecure_port("127.0.0.1:0")
    if not port:
        raise ResourceError("no port of 127.0.0.1 could be bound for the plugin hybridml")
    server.start()
    return server, port


def serve() -> None:
    """Serve until SIGTERM or SIGINT, or until the process that started the plugin is gone."""
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    parent = os.getppid()
    server, port = start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    while not done.wait(_LOOK_AT_PARENT) and os.getppid() == parent:
        pass
    server.stop(grace=None)
    os._exit(0)  # a worker that still waits must not keep the process of a dead engine
