"""What of a request and its answer may be kept: named features left out, or only a keyed hash of them. Pure.

A feature is recognised by its name, at any depth, whatever its case and form in Unicode. Where something is to be left
out and a request does not name its values, nothing of it is kept: which of them is the personal one, nobody knows. Nor
is then kept what the signature of the model does not name, for it may be a private feature by another name.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

SPLIT = "dataframe_split"
FORMS = (SPLIT, "dataframe_records", "instances", "inputs")
"""The keys under which MLflow's scoring protocol takes data, one of them in each request."""
_BY_ROW = ("dataframe_records", "instances")
_PARAMETERS = "params"
_HASH_DIGITS = 32


class UnnamedError(Exception):
    """The values of a request have no names."""


@dataclass(frozen=True, kw_only=True)
class Redaction:
    """Which features are not kept as they are."""

    drop: frozenset[str] = frozenset()
    """Features that are left out."""
    hash: frozenset[str] = frozenset()
    """Features of which a keyed hash is kept: equal values of a feature have equal hashes."""
    key: Callable[[], bytes] = bytes
    """The secret of the hashes; asked only when there is something to hash."""
    known: frozenset[str] = frozenset()
    """Every feature that the model's signature names; empty where it names none."""

    @cached_property
    def _dropped(self) -> frozenset[str]:
        return frozenset(map(folded, self.drop))

    @cached_property
    def _to_hash(self) -> frozenset[str]:
        return frozenset(map(folded, self.hash))

    def __bool__(self) -> bool:
        """Whether anything is to be left out or hashed."""
        return bool(self.drop or self.hash)

    def inputs(self, request: Any) -> Any:
        """What may be kept of a request in MLflow's scoring protocol.

        Raises UnnamedError when something is to be left out and the request does not name its values.
        """
        if not self:
            return request
        form = _form(request)
        if form in _BY_ROW and not isinstance(request[form], list):
            raise UnnamedError
        data = self._table(request[form]) if form == SPLIT else self._named(request[form])
        parameters = request.get(_PARAMETERS)
        return {form: data} | ({_PARAMETERS: self._parameters(parameters)} if parameters is not None else {})

    def outputs(self, answer: Any) -> Any:
        """What may be kept of an answer: a model may well repeat what it was asked.

        Raises UnnamedError where it has a table with private columns that does not name every cell.
        """
        return self._scrub(answer) if self else answer

    def _named(self, data: Any) -> Any:
        rows = data if isinstance(data, list) else [data]
        if not all(isinstance(row, dict) for row in rows):
            raise UnnamedError
        return self._scrub([self._features(row) for row in rows] if isinstance(data, list) else self._features(data))

    def _parameters(self, parameters: Any) -> Any:
        if not isinstance(parameters, dict):
            raise UnnamedError
        return self._scrub(parameters)

    def _features(self, row: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in row.items() if self._expected(name)}

    def _expected(self, name: str) -> bool:
        return not self.known or name in self.known

    def _table(self, table: Any) -> dict[str, Any]:
        """Columns and rows without what is dropped; an index has no name, so it is left out."""
        return self._cells(table, [column for column in _columns(table) if self._expected(column)])

    def _cells(self, table: Any, wanted: Collection[str]) -> dict[str, Any]:
        columns, rows = _columns(table), table["data"]
        kept = [at for at, column in enumerate(columns) if self._kept(column) and column in wanted]
        return {
            "columns": [columns[position] for position in kept],
            "data": [[self._value(columns[position], row[position]) for position in kept] for row in rows],
        }

    def _scrub(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self._inner(value) if self._private(value.get("columns")) else self._members(value)
        return [self._scrub(each) for each in value] if isinstance(value, list) else value

    def _members(self, value: dict[str, Any]) -> dict[str, Any]:
        return {name: self._value(name, each) for name, each in value.items() if self._kept(name)}

    def _private(self, columns: Any) -> bool:
        names = [folded(name) for name in columns if isinstance(name, str)] if isinstance(columns, list) else []
        return not (self._dropped | self._to_hash).isdisjoint(names)

    def _inner(self, table: dict[str, Any]) -> dict[str, Any]:
        """A table inside a feature or an answer, as pandas writes it in parts, without its index."""
        rest = {name: each for name, each in table.items() if name not in ("columns", "data", "index")}
        return self._members(rest) | self._cells(table, _columns(table))

    def _kept(self, name: str) -> bool:
        return folded(name) not in self._dropped

    def _value(self, name: str, value: Any) -> Any:
        known = folded(name)
        return self._hashed(known, value) if known in self._to_hash else self._scrub(value)

    def _hashed(self, name: str, value: Any) -> Any:
        """Each value of a list by itself, so that a column has the hashes of its cells; nothing for nothing."""
        if isinstance(value, list):
            return [self._hashed(name, each) for each in value]
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        text = json.dumps([name, value], sort_keys=True)
        return "hmac:" + hmac.new(self.key(), text.encode(), hashlib.sha256).hexdigest()[:_HASH_DIGITS]


def folded(name: str) -> str:
    """The same text for names that a person reads as the same: `E-Mail`, `e-mail` and `e-mail ` are one."""
    return (name if name.isascii() else unicodedata.normalize("NFKC", name)).casefold().strip()


def _form(request: Any) -> str:
    forms = [form for form in FORMS if form in request] if isinstance(request, Mapping) else []
    if len(forms) != 1:
        raise UnnamedError
    return forms[0]


def _columns(table: Any) -> list[str]:
    """The names of a table's columns. Raises UnnamedError unless every cell of every row has one."""
    columns = table.get("columns") if isinstance(table, dict) else None
    rows = table.get("data") if isinstance(table, dict) else None
    if not isinstance(columns, list) or not isinstance(rows, list):
        raise UnnamedError
    if not all(isinstance(column, str) for column in columns):
        raise UnnamedError
    if not all(isinstance(row, list) and len(row) == len(columns) for row in rows):
        raise UnnamedError
    return columns
