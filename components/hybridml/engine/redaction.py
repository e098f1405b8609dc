"""Keeps secrets, of a program's configuration and of its resources, out of what is said."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import IO, Any, Final

from hybridml.engine import shapes
from hybridml.engine.values import SHOWN_SECRET, Secret, Value
from hybridml.errors import ConfigurationError, HybridMLError

SHORTEST: Final = 6
"""Characters of a secret that does not stand in other texts by chance."""
_SHORTEST_WORD: Final = 4
"""Characters of a secret that is looked for as a word of its own; a shorter one would take half of all words along."""


def secret_texts(config: Mapping[str, str], keys: frozenset[str]) -> tuple[str, ...]:
    """The texts under the secret `keys` that are long enough to be looked for; the longest first."""
    return _looked_for(text for key in keys for text in _texts(config.get(key, "")))


def texts_inside(value: Value) -> tuple[str, ...]:
    """The texts inside the secrets of a value that are long enough to be looked for; the longest first."""
    return _looked_for(_secrets(value, inside=False))


def redacted(message: str, texts: Sequence[str]) -> str:
    """`message` without any of `texts`."""
    for text in texts:
        if len(text) >= SHORTEST:
            message = message.replace(text, SHOWN_SECRET)
        elif text in message:
            message = re.sub(rf"(?<!\w){re.escape(text)}(?!\w)", lambda _: SHOWN_SECRET, message)
    return message


class Redacting:
    """A stream that writes to another what is no secret. An end that may be the beginning of one waits for the rest."""

    def __init__(self, stream: IO[str], texts: Sequence[str]) -> None:
        self._stream = stream
        self._texts = texts
        self._held = ""
        self._guard = threading.Lock()

    def write(self, text: str) -> int:
        """Write `text` without the secrets in it."""
        with self._guard:
            said = redacted(self._held + text, self._texts)
            self._held = _begun(said, self._texts)
            self._stream.write(said.removesuffix(self._held))
        return len(text)

    def finish(self) -> None:
        """Write what turned out to be no secret."""
        with self._guard:
            if self._held:
                self._stream.write(self._held)
            self._held = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _begun(text: str, secrets: Sequence[str]) -> str:
    """The longest end of `text` that one of `secrets` begins with."""
    ends = (
        secret[:length]
        for secret in secrets
        for length in range(min(len(secret) - 1, len(text)), 0, -1)
        if text.endswith(secret[:length])
    )
    return max(ends, key=len, default="")


def redacted_error(error: HybridMLError, texts: Sequence[str]) -> HybridMLError:
    """`error` without any of `texts` in what it says, whoever raised it."""
    if isinstance(error, ConfigurationError):
        problems = (
            replace(problem, message=redacted(problem.message, texts), fix=redacted(problem.fix, texts))
            for problem in error.problems
        )
        return _hiding(ConfigurationError(problems), texts)
    error.args = tuple(redacted(str(said), texts) for said in error.args)
    return _hiding(error, texts)


def hidden_in(error: BaseException | None) -> tuple[str, ...]:
    """What must not be shown of an error and whatever led to it, the longest first."""
    found: set[str] = set()
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        found.update(error.hidden if isinstance(error, HybridMLError) else ())
        error = error.__cause__ or error.__context__
    return tuple(sorted(found, key=lambda text: (-len(text), text)))


def _hiding(error: HybridMLError, texts: Sequence[str]) -> HybridMLError:
    error.hidden = (*error.hidden, *texts)
    return error


def _looked_for(texts: Iterable[str]) -> tuple[str, ...]:
    long = {text for text in texts if len(text) >= _SHORTEST_WORD and not shapes.is_placeholder(text)}
    return tuple(sorted({form for text in long for form in _forms(text)}, key=lambda form: (-len(form), form)))


def _secrets(value: Value, *, inside: bool) -> Iterator[str]:
    if isinstance(value, Secret):
        yield from _secrets(value.value, inside=True)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _secrets(item, inside=inside)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _secrets(item, inside=inside)
    elif inside and isinstance(value, str):
        yield value


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
