"""Who may still begin something: everybody, until one step of the run fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from hybridml.errors import HybridMLError, ResourceError


class Stopped(ResourceError):  # noqa: N818 - says what happened
    """Nothing new is begun: another step of this run failed."""


@dataclass(slots=True)
class Gate:
    """Lets requests in until one fails, and waits for those that are in."""

    failures: list[HybridMLError] = field(default_factory=list)
    """Everything that went wrong, in the order in which it did."""
    _inside: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _closed: bool = False

    @contextmanager
    def request(self) -> Iterator[None]:
        """Frame one request. The first failure closes the gate; each is kept."""
        with self._changed:
            if self._closed:
                raise Stopped("Not begun: the run is ending")
            self._inside += 1
        try:
            yield
        except HybridMLError as error:
            self.close(error)
            raise
        except BaseException:
            self.close()
            raise
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def close(self, error: HybridMLError | None = None) -> None:
        """Let nothing in any more."""
        with self._changed:
            self._closed = True
            if error is not None and not isinstance(error, Stopped):
                self.failures.append(error)

    def drain(self) -> None:
        """Wait until nobody is inside."""
        with self._changed:
            self._changed.wait_for(lambda: self._inside == 0)
