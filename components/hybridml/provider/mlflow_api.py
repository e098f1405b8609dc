"""The few calls of MLflow's REST API that a registry entry needs; MLflow itself is not imported.

Source: MLflow 3 REST API, `registered-models`, `model-versions`, `experiments`, `runs`, `mlflow-artifacts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from hybridml.errors import ResourceError

_TIMEOUT = 60.0
_EXISTS, _MISSING = "RESOURCE_ALREADY_EXISTS", "RESOURCE_DOES_NOT_EXIST"
_ARTIFACTS = "mlflow-artifacts:/"


class Unreachable(ResourceError):  # noqa: N818 - says what is the matter
    """No MLflow server answers at that address."""


class Missing(ResourceError):  # noqa: N818 - says what is the matter
    """The registry has no such entry."""


class Registry:
    """An MLflow server."""

    def __init__(self, tracking_uri: str, timeout: float = _TIMEOUT) -> None:
        self._uri = tracking_uri.rstrip("/")
        local = urlsplit(tracking_uri).hostname in {"127.0.0.1", "::1", "localhost"}
        self._http = httpx.Client(base_url=self._uri, timeout=timeout, trust_env=not local)

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def ensure_model(self, name: str, tags: Mapping[str, str]) -> None:
        """Create the registered model, with `tags`, unless it exists."""
        self._call("POST", "registered-models/create", {"name": name, "tags": _pairs(tags)}, ignore=_EXISTS)

    def model(self, name: str) -> dict[str, Any]:
        """The registered model; raises Missing."""
        found: dict[str, Any] = self._call("GET", "registered-models/get", {"name": name})["registered_model"]
        return found

    def delete_model(self, name: str) -> None:
        """Delete the registered model; nothing happens when there is none."""
        self._call("DELETE", "registered-models/delete", {"name": name}, ignore=_MISSING)

    def versions(self, model: str) -> Iterator[dict[str, Any]]:
        """All versions of a model."""
        escaped, token = model.replace("'", "''"), ""
        while True:
            page = {"filter": f"name='{escaped}'", "max_results": 1000, **({"page_token": token} if token else {})}
            answer = self._call("GET", "model-versions/search", page)
            yield from answer.get("model_versions", [])
            if not (token := answer.get("next_page_token", "")):
                return

    def create_version(self, model: str, source: str, run: str, tags: Mapping[str, str]) -> dict[str, Any]:
        """A new version of a model."""
        asked = {"name": model, "source": source, "tags": _pairs(tags), **({"run_id": run} if run else {})}
        made: dict[str, Any] = self._call("POST", "model-versions/create", asked)["model_version"]
        return made

    def delete_version(self, model: str, number: str) -> None:
        """Delete a version; nothing happens when there is none."""
        self._call("DELETE", "model-versions/delete", {"name": model, "version": number}, ignore=_MISSING)

    def describe(self, model: str, number: str, text: str) -> None:
        """Set the description of a version."""
        self._call("PATCH", "model-versions/update", {"name": model, "version": number, "description": text})

    def set_tag(self, model: str, number: str, key: str, value: str) -> None:
        """Set a tag of a version."""
        asked = {"name": model, "version": number, "key": key, "value": value}
        self._call("POST", "model-versions/set-tag", asked)

    def delete_tag(self, model: str, number: str, key: str) -> None:
        """Delete a tag of a version."""
        asked = {"name": model, "version": number, "key": key}
        self._call("DELETE", "model-versions/delete-tag", asked, ignore=_MISSING)

    def set_alias(self, model: str, number: str, alias: str) -> None:
        """Point an alias of the model to a version."""
        self._call("POST", "registered-models/alias", {"name": model, "alias": alias, "version": number})

    def delete_alias(self, model: str, alias: str) -> None:
        """Delete an alias of the model."""
        self._call("DELETE", "registered-models/alias", {"name": model, "alias": alias}, ignore=_MISSING)

    def run(self, experiment: str, tags: Mapping[str, str]) -> dict[str, Any]:
        """The run of an experiment that has `tags`; made where there is none."""
        number = self._experiment(experiment)
        wanted = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
        found = self._call("POST", "runs/search", {"experiment_ids": [number], "filter": wanted, "max_results": 1})
        if runs := found.get("runs"):
            return dict(runs[0]["info"])
        made = self._call("POST", "runs/create", {"experiment_id": number, "tags": _pairs(tags)})
        return dict(made["run"]["info"])

    def _experiment(self, name: str) -> str:
        self._call("POST", "experiments/create", {"name": name}, ignore=_EXISTS)
        return str(
            self._call("GET", "experiments/get-by-name", {"experiment_name": name})["experiment"]["experiment_id"]
        )

    def finish(self, run: str) -> None:
        """Mark a run as finished."""
        self._call("POST", "runs/update", {"run_id": run, "status": "FINISHED"})

    def run_tags(self, run: str) -> dict[str, str]:
        """The tags of a run; raises Missing."""
        data = self._call("GET", "runs/get", {"run_id": run})["run"].get("data", {})
        return {tag["key"]: tag.get("value", "") for tag in data.get("tags", [])}

    def forget(self, run: str, address: str) -> None:
        """Delete what `upload` copied to `address`, then its run; nothing happens when they are gone."""
        if address.startswith(_ARTIFACTS):
            path = address.removeprefix(_ARTIFACTS).lstrip("/")
            self._send("DELETE", f"/api/2.0/mlflow-artifacts/artifacts/{quote(path)}", _MISSING)
        self._call("POST", "runs/delete", {"run_id": run}, ignore=_MISSING)

    def upload(self, run: Mapping[str, Any], source: Path) -> str:
        """Copy a file or folder to the run's artifacts; its address, which a version can have as source.

        A run that is finished has its copy already.
        """
        where = str(run["artifact_uri"])
        if not where.startswith(_ARTIFACTS):
            raise ResourceError(f"{self._uri} keeps artifacts at {where}; start it with `--serve-artifacts`")
        if run.get("status") == "FINISHED":
            return f"{where}/model"
        folder = f"{where.removeprefix(_ARTIFACTS).lstrip('/')}/model"
        files = [path for path in sorted(source.rglob("*")) if path.is_file()] if source.is_dir() else [source]
        for file in files:
            below = file.relative_to(source) if source.is_dir() else Path(file.name)
            self._put(f"{folder}/{below.as_posix()}", file)
        return f"{where}/model"

    def _put(self, path: str, file: Path) -> None:
        with file.open("rb") as stream:
            self._send("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{quote(path)}", content=stream)

    def _call(self, verb: str, path: str, asked: Mapping[str, Any], ignore: str = "") -> dict[str, Any]:
        body: dict[str, Any] = {"params": asked} if verb == "GET" else {"json": asked}
        return self._send(verb, f"/api/2.0/mlflow/{path}", ignore, **body)

    def _send(self, verb: str, path: str, ignore: str = "", **body: Any) -> dict[str, Any]:
        try:
            answer = self._http.request(verb, path, **body)
        except httpx.TransportError as error:
            raise Unreachable(f"no MLflow server answers at {self._uri}: {error}") from None
        said = _said(answer)
        if said is None and not answer.is_server_error:
            raise Unreachable(f"no MLflow server answers at {self._uri}: what does is none")
        if answer.is_success and said is not None:
            return said
        code, message = _refusal(answer, said or {})
        if ignore and code == ignore:
            return {}
        kind = Missing if code == _MISSING else ResourceError
        raise kind(f"{self._uri} refused {verb} {path.rsplit('/', 2)[-2]}: {message}")


def _said(answer: httpx.Response) -> dict[str, Any] | None:
    """What MLflow says; None where it is not MLflow that speaks."""
    try:
        said = answer.json() if answer.content else {}
    except ValueError:
        return None
    spoken = isinstance(said, dict) and (answer.is_success or "error_code" in said)
    return said if spoken else None


def _refusal(answer: httpx.Response, said: Mapping[str, Any]) -> tuple[str, str]:
    message = str(said.get("message", "")).partition("\n")[0]
    return str(said.get("error_code", "")), message or f"status {answer.status_code}"


def _pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]
