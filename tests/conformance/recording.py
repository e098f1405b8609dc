"""Writes the conformance page from the tests that ran: `pytest -m promise --record-conformance`.

A promise whose test failed, or was skipped, is not in it.
"""

from __future__ import annotations

import pytest

from conformance.table import DOCUMENT, Proof, document, marked

OPTION = "--record-conformance"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option that asks for the page."""
    parser.addoption(OPTION, action="store_true", help="write docs/reference/conformance.md from the tests that passed")


class Recorder:
    """Remembers which tests passed, of every worker."""

    def __init__(self) -> None:
        self._passed: set[tuple[str, str]] = set()
        self._failed: set[tuple[str, str]] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of one test. Of a test with several parameters all have to pass."""
        file, _, name = report.nodeid.partition("::")
        test = (file, name.partition("[")[0])
        if report.when == "call" and report.passed:
            self._passed.add(test)
        elif not report.passed:
            self._failed.add(test)

    def pytest_sessionfinish(self) -> None:
        """Writes the page."""
        DOCUMENT.write_text(document(self._proofs()), encoding="utf-8")

    def _proofs(self) -> list[Proof]:
        good = self._passed - self._failed
        return [proof for proof in marked() if (proof.file, proof.test) in good]


def pytest_configure(config: pytest.Config) -> None:
    """Records where it is asked for; a worker leaves that to whoever started it."""
    if config.getoption(OPTION) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder())
