"""What Envoy reads once, at start: its admin socket, the listener, the key set, where clusters and routes lie."""

from __future__ import annotations

from dataclasses import dataclass

from hybridml.proxy.message import Message, extension, typed
from hybridml.proxy.routes import CLAIMS_KEY, JWT_FILTER, RBAC_FILTER, ROUTE_NAME

OWNER_ONLY = 0o600
MAX_CONNECTIONS = 10_000
"""Callers connected at once; more are refused."""
MAX_BUFFER = 8 * 1024 * 1024
"""Bytes that a request may have: every one is held here until it is whole, for a retry or a copy. More is answered
with 413."""
CLOCK_SKEW_SECONDS = 5
"""How far the clock of whoever signs tokens may be off: how long one is accepted after its end."""

_HTTP = "envoy.extensions.filters.http."


@dataclass(frozen=True, kw_only=True)
class Authentication:
    """Whose tokens are accepted."""

    issuer: str
    """The `iss` claim."""
    audience: str
    """The `aud` claim: the name of the endpoint."""
    jwks: str
    """Public keys, as a JSON Web Key Set."""


@dataclass(frozen=True, kw_only=True)
class Listener:
    """Where one endpoint is reached and where its proxy finds the rest of its configuration."""

    endpoint: str
    """Name of the endpoint."""
    port: int
    """TCP port on `address`."""
    admin_socket: str
    """Path of the admin interface, a Unix socket of mode 0600."""
    directory: str
    """Folder that holds `clusters_file` and `routes_file`, absolute or relative to Envoy's working directory."""
    authentication: Authentication
    address: str = "127.0.0.1"
    clusters_file: str = "clusters.json"
    routes_file: str = "routes.json"


def bootstrap(listener: Listener) -> Message:
    """The whole bootstrap of the proxy of one endpoint."""
    return {
        "node": {"id": listener.endpoint, "cluster": "hybridml"},
        "admin": {"address": {"pipe": {"path": listener.admin_socket, "mode": OWNER_ONLY}}},
        "dynamic_resources": {"cds_config": _watched(listener.directory, listener.clusters_file)},
        "static_resources": {"listeners": [_listener(listener)]},
        "overload_manager": _overload(),
        "stats_flush_on_admin": True,
    }


def _watched(directory: str, file: str) -> Message:
    """A file that is read again whenever another is renamed over it."""
    return {
        "resource_api_version": "V3",
        "path_config_source": {"path": f"{directory}/{file}", "watched_directory": {"path": directory}},
    }


def _overload() -> Message:
    connections = typed(
        "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        max_active_downstream_connections=MAX_CONNECTIONS,
    )
    return {
        "resource_monitors": [
            {"name": "envoy.resource_monitors.global_downstream_max_connections", "typed_config": connections}
        ]
    }


def _listener(listener: Listener) -> Message:
    return {
        "name": listener.endpoint,
        "address": {"socket_address": {"address": listener.address, "port_value": listener.port}},
        "enable_reuse_port": False,
        "per_connection_buffer_limit_bytes": MAX_BUFFER,
        "filter_chains": [{"filters": [_http(listener)]}],
    }


def _http(listener: Listener) -> Message:
    return extension(
        "envoy.filters.network.http_connection_manager",
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="endpoint",
        rds={"route_config_name": ROUTE_NAME, "config_source": _watched(listener.directory, listener.routes_file)},
        http_filters=[_tokens(listener.authentication), _nobody_by_default(), _size(), _router()],
        access_log=[_access_log()],
        use_remote_address=True,
        normalize_path=True,
        merge_slashes=True,
        path_with_escaped_slashes_action="REJECT_REQUEST",
        server_header_transformation="PASS_THROUGH",
        stream_idle_timeout="300s",
        request_timeout="120s",
        common_http_protocol_options={"idle_timeout": "3600s"},
    )


def _tokens(authentication: Authentication) -> Message:
    """Only a bearer token in the header counts; it is verified and not passed on to the model."""
    provider = {
        "issuer": authentication.issuer,
        "audiences": [authentication.audience],
        "local_jwks": {"inline_string": authentication.jwks},
        "from_headers": [{"name": "Authorization", "value_prefix": "Bearer "}],
        "forward": False,
        "require_expiration": True,
        "clock_skew_seconds": CLOCK_SKEW_SECONDS,
        "payload_in_metadata": CLAIMS_KEY,
    }
    return extension(
        JWT_FILTER,
        f"{_HTTP}jwt_authn.v3.JwtAuthentication",
        providers={"callers": provider},
        rules=[{"match": {"prefix": "/"}, "requires": {"provider_name": "callers"}}],
    )


def _nobody_by_default() -> Message:
    """Without a rule of the routes, nobody passes."""
    return extension(RBAC_FILTER, f"{_HTTP}rbac.v3.RBAC", rules={"action": "ALLOW", "policies": {}})


def _size() -> Message:
    """After the token, so that only a known caller's request is held."""
    return extension("envoy.filters.http.buffer", f"{_HTTP}buffer.v3.Buffer", max_request_bytes=MAX_BUFFER)


def _router() -> Message:
    return extension("envoy.filters.http.router", f"{_HTTP}router.v3.Router", suppress_envoy_headers=True)


def _access_log() -> Message:
    """One JSON line per request: who, what, which version, how long; never a token or a body."""
    fields = {
        "time": "%START_TIME%",
        "request": "%REQ(X-REQUEST-ID)%",
        "subject": f"%DYNAMIC_METADATA({JWT_FILTER}:{CLAIMS_KEY}:sub)%",
        "method": "%REQ(:METHOD)%",
        "path": "%PATH(NQ:PATH)%",
        "status": "%RESPONSE_CODE%",
        "flags": "%RESPONSE_FLAGS%",
        "cluster": "%UPSTREAM_CLUSTER%",
        "milliseconds": "%DURATION%",
        "received": "%BYTES_RECEIVED%",
        "sent": "%BYTES_SENT%",
    }
    return extension(
        "envoy.access_loggers.stdout",
        "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
        log_format={"json_format": fields},
    )
