"""What is deployed, as the rules read it: the output of `pulumi stack export`, or a state file of the same format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hybridml_policies.values import SECRET, Resource, read, text_of

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - marks a secret in Pulumi's own format
_STACK = "pulumi:pulumi:Stack"
_URN_PARTS = 4


def plan_of_export(export: Mapping[str, object]) -> dict[str, object]:
    """The exported deployment in the shape of a plan's JSON, without resources that wait for their deletion.

    Secrets become `[secret]`, whether they are encrypted or not. An export without resources gives an empty plan.
    """
    found = read(export, "deployment.resources").value
    entries = [entry for entry in found if isinstance(entry, Mapping)] if isinstance(found, list | tuple) else []
    stack = next((text_of(entry, "urn") for entry in entries if entry.get("type") == _STACK), "")
    parts = stack.split("::")
    known = len(parts) >= _URN_PARTS
    return {
        "version": 1,
        "project": parts[1] if known else "",
        "stack": parts[0].removeprefix("urn:pulumi:") if known else "",
        "resources": list(_resources(entries)),
        "notes": [],
    }


def _resources(entries: list[Mapping[str, object]]) -> Iterator[Resource]:
    for entry in entries:
        if entry.get("type") == _STACK or entry.get("delete"):
            continue
        yield {
            "urn": text_of(entry, "urn"),
            "type": text_of(entry, "type"),
            "name": text_of(entry, "urn").rpartition("::")[2],
            "parent": text_of(entry, "parent"),
            "custom": bool(entry.get("custom")),
            "external": bool(entry.get("external")),
            "inputs": _shown(entry.get("inputs") or {}),
            "outputs": {"id": entry.get("id"), **_mapping(_shown(entry.get("outputs")))},
            "dependsOn": entry.get("dependencies") or [],
            "provider": text_of(entry, "provider"),
            "options": {"protect": True} if entry.get("protect") else {},
            "source": None,
        }


def _shown(value: object) -> object:
    if isinstance(value, Mapping):
        if value.get(_SIGNATURE) == _SECRET_SIGNATURE:
            return SECRET
        return {key: _shown(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(child) for child in value]
    return value


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
