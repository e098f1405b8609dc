"""Writes the reference of endpoint and stack files from their JSON Schemas, so it says what the loader accepts.

python -m hybridml.spec.reference [FILE]      to FILE, or to standard output
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from hybridml.spec.endpoint import EndpointSpec
from hybridml.spec.scalars import SPELLINGS
from hybridml.spec.shape import target_kinds
from hybridml.spec.stack import NAMESPACE, StackSpec

Schema = dict[str, Any]

_INTRODUCTION: Final = """\
# Specifications

Generated from the models by `python -m hybridml.spec.reference docs/reference/spec.md`; a test holds it to them.

An **endpoint file**, `infra/endpoints/<name>.yaml`, says what is served, the same for every environment. A **stack
file**, `stacks/Pulumi.<stack>.yaml`, says where and how big, and may override any field of an endpoint:

- the two are merged entry by entry; a list or a single value replaces the one below it; `null` takes an entry away
  (JSON Merge Patch, RFC 7396). `hybridml plan --explain <endpoint>` shows the file and line of each value;
- files are YAML 1.2. Text that looks like a number is written in quotes: `version: "3"`, `cpu: "1"`;
- an unknown field, a key written twice and a value spelled another way than here are errors, and all errors of all
  files come at once, each with file, line and what to do;
- a field whose value is a mapping has a section of its own, under the path that leads to it;
- durations are a whole number and a unit (`30s`, `10m`, `2h`, `1d`), sizes a whole number and a unit (`512Mi`,
  `2Gi`), percentages plain numbers from 0 to 100, shares plain numbers from 0 to 1;
- an artifact that is a path of the project and has no `sha256` gets the digest that training wrote to
  `.hybridml/digests.yaml`; before the first training it is not yet known;
- no secret is ever written in them: `runtime.secrets` says where each is kept.
"""


def reference() -> str:
    """The reference as Markdown."""
    endpoint, stack = _Pages(EndpointSpec), _Pages(StackSpec)
    parts = [_INTRODUCTION, "## Endpoint files\n", *endpoint.sections()]
    parts += ["## Stack files\n", *stack.sections(prefix=NAMESPACE, known=endpoint.written)]
    parts += ["## Targets\n", "`kind` says which of these a target is.\n"]
    for kind, model in target_kinds().items():
        parts += _Pages(model).sections(path=f"target: {kind}")
    return "\n".join(parts).rstrip() + "\n"


class _Pages:
    """The sections of one model: itself, then each model in its fields, once."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._schema = model.model_json_schema(by_alias=True)
        self._definitions: dict[str, Schema] = self._schema.get("$defs", {})
        self.written: set[str] = set()

    def sections(
        self, path: str = "", prefix: str = "", known: frozenset[str] | set[str] = frozenset()
    ) -> Iterator[str]:
        """Markdown of each section; `known` models have theirs elsewhere, and targets have a chapter."""
        self.written |= known
        yield from self._section(self._schema, path, prefix)

    def _section(self, schema: Schema, path: str, prefix: str = "") -> Iterator[str]:
        required = set(schema.get("required", ())) - ({"name"} if schema is self._schema else set())
        rows = [self._row(prefix + name, field, name in required) for name, field in schema["properties"].items()]
        heading = [f"### `{path}`\n"] if path else []
        head = ["| field | value | default | meaning |", "|---|---|---|---|"]
        yield "\n".join([*heading, f"{schema['description'].partition(chr(10) * 2)[0]}\n", *head, *rows, ""])
        for name, field in schema["properties"].items():
            for definition, step in self._parts(field, prefix + name):
                if definition not in self.written:
                    self.written.add(definition)
                    yield from self._section(self._definitions[definition], f"{path}.{step}" if path else step)

    def _parts(self, field: Schema, step: str) -> Iterator[tuple[str, str]]:
        """Definitions of the mappings that `field` may hold, and the path to them."""
        if "$ref" in field and "properties" in self._definition(field):
            yield field["$ref"].rpartition("/")[2], step
        for choice in field.get("anyOf", ()):
            yield from self._parts(choice, step)
        if "items" in field:
            yield from self._parts(field["items"], f"{step}[]")
        for entry in _entries(field):
            yield from self._parts(entry, f"{step}.<name>")

    def _row(self, name: str, field: Schema, required: bool) -> str:
        default = "**required**" if required else _default(field)
        cells = (f"`{name}`", self._value(field), default, self._meaning(field))
        return f"| {' | '.join(cell.replace('|', chr(92) + '|').replace('<', '&lt;') for cell in cells)} |"

    def _meaning(self, field: Schema) -> str:
        """The description; a field that has that of its model carries none of its own."""
        below = self._definition(field) if "$ref" in field else {}
        return str(field.get("description") or below.get("description", "")).partition("\n\n")[0]

    def _definition(self, field: Schema) -> Schema:
        return self._definitions[field["$ref"].rpartition("/")[2]]

    def _value(self, field: Schema) -> str:
        """What may be written, in words."""
        if "$ref" in field:
            below = self._definition(field)
            return "mapping" if "properties" in below else self._value(below)
        if "anyOf" in field:
            return next(self._value(choice) for choice in field["anyOf"] if choice.get("type") != "null")
        if "oneOf" in field:
            return "a [target](#targets)"
        if field.get("type") == "array":
            return f"list of: {self._value(field['items'])}"
        entry = next(_entries(field), None)
        return f"mapping of names to: {self._value(entry)}" if entry else _scalar(field)


def _entries(field: Schema) -> Iterator[Schema]:
    """Schemas of the entries of a mapping with names of the user's own."""
    yield from field.get("patternProperties", {}).values()
    if isinstance(field.get("additionalProperties"), dict):
        yield field["additionalProperties"]


def _scalar(field: Schema) -> str:
    if "enum" in field or "const" in field:
        return ", ".join(f"`{word}`" for word in field.get("enum", [field.get("const")]))
    if field.get("format") == "date":
        return "a day, such as 2027-03-31"
    if field["type"] == "string":
        return SPELLINGS.get(field.get("pattern", ""), "text")
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    bounds = ", ".join(f"{sign} {field[key]:,}" for key, sign in signs.items() if key in field)
    noun = {"integer": "whole number", "number": "number", "boolean": "true or false"}[field["type"]]
    return f"{noun} {bounds}".rstrip()


def _default(field: Schema) -> str:
    if "default" not in field:
        return "`{}`" if next(_entries(field), None) else "see meaning"
    if field["default"] is None:
        return "none"
    if isinstance(field["default"], dict) and field["default"]:
        return "its own"
    text = field["default"] if isinstance(field["default"], str) else json.dumps(field["default"])
    return f"`{text}`"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(reference(), "utf-8")
    else:
        sys.stdout.write(reference())
