"""Keeps the secrets of a program's configuration out of what is said about it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import IO, Any, Final

from hybridml.engine import shapes
from hybridml.engine.values import SHOWN_SECRET
from hybridml.errors import ConfigurationError, HybridMLError

_SHORTEST: Final = 6


def secret_texts(config: Mapping[str, str], keys: frozenset[str]) -> tuple[str, ...]:
    """The texts under the secret `keys` that are long enough not to stand in others by chance; the longest first."""
    found = {text for key in keys for text in _texts(config.get(key, ""))}
    long = (text for text in found if len(text) >= _SHORTEST and not shapes.is_placeholder(text))
    return tuple(sorted({form for text in long for form in _forms(text)}, key=lambda form: (-len(form), form)))


def redacted(message: str, texts: Sequence[str]) -> str:
    """`message` without any of `texts`."""
    for text in texts:
        message = message.replace(text, SHOWN_SECRET)
    return message


class Redacting:
    """A stream that writes to another what is no secret."""

    def __init__(self, stream: IO[str], texts: Sequence[str]) -> None:
        self._stream = stream
        self._texts = texts

    def write(self, text: str) -> int:
        """Write `text` without the secrets in it."""
        self._stream.write(redacted(text, self._texts))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def redacted_error(error: HybridMLError, texts: Sequence[str]) -> HybridMLError:
    """`error` without any of `texts` in what it says, whoever raised it."""
    if isinstance(error, ConfigurationError):
        return ConfigurationError(
            replace(problem, message=redacted(problem.message, texts), fix=redacted(problem.fix, texts))
            for problem in error.problems
        )
    error.args = tuple(redacted(str(said), texts) for said in error.args)
    return error


def _texts(value: str) -> Iterator[str]:
    """A value, and when it is the JSON of an object or list the texts inside it."""
    yield value
    with suppress(ValueError):
        open_ends = [json.loads(value)] if value[:1] in ("{", "[") else []
        while open_ends:
            item = open_ends.pop()
            if isinstance(item, dict | list):
                open_ends += item.values() if isinstance(item, dict) else item
            elif isinstance(item, str):
                yield item


def _forms(text: str) -> tuple[str, ...]:
    """A text as it is, as it stands in JSON, and in what Python calls its representation."""
    return text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]
