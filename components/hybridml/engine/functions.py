"""Provider functions whose result needs no provider: they only rewrite their arguments."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from hybridml.engine.values import Properties, contains_secret, contains_unknown


def compute(token: str, args: Properties) -> Properties | None:
    """The result of function `token`; None when only a provider could say."""
    function = _FUNCTIONS.get(token)
    return function(args) if function and not contains_unknown(args) and not contains_secret(args) else None


def policy_document(args: Properties) -> Properties:
    """`aws:iam/getPolicyDocument`: statements to a JSON document."""
    statements = [_statement(statement) for statement in args.get("statements") or ()]
    document = {"Version": args.get("version") or "2012-10-17", "Statement": statements}
    text = json.dumps(document, indent=2)
    return {**args, "id": "policy-document", "json": text, "minifiedJson": json.dumps(document, separators=(",", ":"))}


def _statement(given: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"Effect": given.get("effect") or "Allow"}
    if given.get("sid"):
        made["Sid"] = given["sid"]
    for ours, theirs in _STATEMENT_FIELDS.items():
        if given.get(ours):
            made[theirs] = _single(given[ours])
    for ours, theirs in (("principals", "Principal"), ("notPrincipals", "NotPrincipal")):
        if given.get(ours):
            made[theirs] = _principals(given[ours])
    if given.get("conditions"):
        made["Condition"] = _conditions(given["conditions"])
    return made


_STATEMENT_FIELDS = {
    "actions": "Action",
    "notActions": "NotAction",
    "resources": "Resource",
    "notResources": "NotResource",
}


def _principals(given: list[Mapping[str, Any]]) -> Any:
    if any(principal["type"] == "*" for principal in given):
        return "*"
    found: dict[str, list[str]] = {}
    for principal in given:
        found.setdefault(principal["type"], []).extend(principal["identifiers"])
    return {kind: _single(names) for kind, names in found.items()}


def _conditions(given: list[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for condition in given:
        found.setdefault(condition["test"], {})[condition["variable"]] = _single(condition["values"])
    return found


def _single(values: Any) -> Any:
    return values[0] if isinstance(values, list) and len(values) == 1 else values


def _decode_yaml(args: Properties) -> Properties:
    yaml = importlib.import_module("yaml")  # comes with pulumi; has no type stubs

    documents = [document for document in yaml.safe_load_all(str(args.get("text", ""))) if document]
    return {"result": [item for document in documents for item in _objects(document)]}


def _objects(document: Mapping[str, Any]) -> list[Any]:
    """A Kubernetes `List` is what it lists."""
    listed = str(document.get("kind", "")).endswith("List") and isinstance(document.get("items"), list)
    return list(document["items"]) if listed else [document]


_FUNCTIONS: dict[str, Callable[[Properties], Properties]] = {
    "aws:iam/getPolicyDocument:getPolicyDocument": policy_document,
    "kubernetes:yaml:decode": _decode_yaml,
}
