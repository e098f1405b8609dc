"""What a deployment's state recorded about its resources, for planning against it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hybridml.engine.deployment import check_resource, deployment_of
from hybridml.engine.monitor import Outcome
from hybridml.engine.values import from_wire
from hybridml.errors import StateError


class Recorded:
    """The resources of a deployment by URN, those left out that are still to be deleted. Without one it is empty."""

    def __init__(self, resources: Iterable[Mapping[str, Any]] = ()) -> None:
        living = (each for each in resources if not (each.get("delete") or each.get("pendingReplacement")))
        self.resources = {str(resource["urn"]): resource for resource in living}

    @classmethod
    def of(cls, state: Mapping[str, Any] | None) -> Recorded:
        """Read what `pulumi stack export` prints: `{"version": 3, "deployment": {...}}`."""
        if state is None:
            return cls()
        deployment = deployment_of(state)
        resources = deployment.get("resources") or ()
        try:
            pending = [(entry["type"], entry["resource"]) for entry in deployment.get("pending_operations") or ()]
            for resource in (*resources, *(resource for _, resource in pending)):
                check_resource(resource)
        except KeyError as error:
            raise StateError(f"not a deployment: a resource in it lacks {error}") from error
        except (TypeError, AttributeError, ValueError) as error:
            raise StateError(f"not a deployment: a resource in it is damaged: {error}") from error
        return cls(resources)

    def find(self, urn: str, aliases: Iterable[str]) -> Outcome | None:
        """What is recorded under `urn`, else under the first of `aliases` that is."""
        resource = self.resource(urn, aliases)
        if resource is None:
            return None
        return Outcome(id=str(resource.get("id", "")), outputs=from_wire(dict(resource.get("outputs") or {})))

    def resource(self, urn: str, aliases: Iterable[str]) -> Mapping[str, Any] | None:
        """The record itself; see `find`."""
        return next((self.resources[known] for known in (urn, *aliases) if known in self.resources), None)
