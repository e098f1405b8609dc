"""Findings that were there before: what an earlier `hybridml check --format json` reported is not new."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from hybridml.errors import ConfigurationError, Problem

Known: TypeAlias = frozenset[tuple[str, str, str]]
"""Policy, URN and verdict of each finding of an earlier report."""


def load_baseline(path: Path) -> Known:
    """The findings of the JSON report in `path`.

    Raises `ConfigurationError` when the file cannot be read or is no such report.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        stacks = report["stacks"]
        return frozenset(_key(finding) for stack in stacks for finding in stack["findings"])
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    except (ValueError, KeyError, TypeError, RecursionError):
        reason = "is no report of hybridml check"
    fix = "write it with: hybridml check --format json > FILE"
    raise ConfigurationError([Problem(file=str(path), message=reason, fix=fix)])


def _key(finding: Mapping[str, object]) -> tuple[str, str, str]:
    return str(finding["policy"]), str(finding["urn"]), str(finding["verdict"])
