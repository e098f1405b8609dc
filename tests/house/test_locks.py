"""The locks say every version and every hash, and nothing about where they come from."""

from __future__ import annotations

import re
import tomllib

import pytest

from .documents import ROOT

LOCKS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [*ROOT.glob("*.lock"), *ROOT.glob("components/*.lock"), *ROOT.glob("policies/*.lock")]
)
PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9.-]*)(\[[a-z,-]+\])?==(?P<version>\S+)( ; .+)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")


def test_there_is_a_lock_for_each_set_of_extras() -> None:
    """Core, the local target, everything, development, the installer, the plugin and the policy pack are locked."""
    assert set(LOCKS) >= {
        "components/requirements.lock",
        "requirements.lock",
        "requirements-all.lock",
        "requirements-build.lock",
        "requirements-dev.lock",
        "requirements-local.lock",
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_is_a_pin_or_a_hash(lock: str) -> None:
    """A lock has exact versions with hashes, and no address of an index or a file."""
    lines = [line for line in (ROOT / lock).read_text(encoding="utf-8").splitlines() if not line.startswith("#")]

    assert [line for line in lines if not (PIN.match(line) or HASH.match(line))] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash(lock: str) -> None:
    """No requirement goes without a hash."""
    lines = [line for line in (ROOT / lock).read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    pins = [number for number, line in enumerate(lines) if PIN.match(line)]

    assert pins
    assert all(HASH.match(lines[number + 1]) for number in pins)


def test_the_development_lock_names_everything_declared() -> None:
    """A dependency added to the project without `make lock` would be missing on a fresh machine."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    declared = [
        *project["project"]["dependencies"],
        *(name for extra in project["project"]["optional-dependencies"].values() for name in extra),
        *project["dependency-groups"]["dev"],
    ]
    names = {re.split(r"[\[<>=~! ;]", text)[0].lower().replace(".", "-") for text in declared if isinstance(text, str)}
    locked = {
        found["name"]
        for line in (ROOT / "requirements-dev.lock").read_text(encoding="utf-8").splitlines()
        if (found := PIN.match(line))
    }

    assert names - locked == set()


def test_locks_of_one_environment_agree() -> None:
    """What two locks of this repository's own environments both name has one version."""
    versions: dict[str, set[str]] = {}
    for lock in (name for name in LOCKS if not name.startswith("policies/")):
        for line in (ROOT / lock).read_text(encoding="utf-8").splitlines():
            if found := PIN.match(line):
                versions.setdefault(found["name"], set()).add(found["version"] + (line.partition(" ; ")[2]))

    assert {name for name, seen in versions.items() if len({each.split(" ")[0] for each in seen}) > 1} <= _forked(
        versions
    )


def _forked(versions: dict[str, set[str]]) -> set[str]:
    """Packages that have one version per platform or Python, told apart by their markers."""
    return {name for name, seen in versions.items() if all("python" in each or "platform" in each for each in seen)}
