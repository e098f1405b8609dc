"""Plans every public program in a folder, each in a process of its own, and says which ones planned.

    python -m benchmarks.foreign FOLDER [--python PYTHON] [--first N]

Each program gets no credentials and an empty home folder. Configuration that it requires and does not carry is given
from `VALUES`, else as the word `example`. PYTHON is the interpreter of an environment with the SDKs that they import.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hybridml.engine.program import plan
from hybridml.engine.project import Project, load_project
from hybridml.errors import ConfigurationError, HybridMLError

VALUES: Mapping[str, str] = {
    "aws:region": "us-west-2",
    "azure-native:location": "westus2",
    "gcp:project": "example-project",
    "gcp:region": "us-central1",
    "gcp:zone": "us-central1-a",
    "digitalocean:region": "nyc3",
    "pulumi-ansible-wordpress-py:publicKeyPath": "Pulumi.yaml",
    "pulumi-ansible-wordpress-py:privateKeyPath": "Pulumi.yaml",
    "aws-py-ec2-provisioners:publicKey": "ssh-rsa example",
    "aws-py-static-website:pathToWebsiteContents": "www",
    "aws-py-static-website:targetDomain": "www.example.com",
    "aws-py-ec2-provisioners:privateKey": "-----BEGIN RSA PRIVATE KEY-----",
    "azure-py-minecraft:admin_username": "gamer",
    "azure-py-minecraft:admin_password": "example",
    "gcp-py-network-component:subnet_cidr_blocks": '["10.0.0.0/16", "10.1.0.0/16"]',
    "azure-py-vdc:firewall_address_space": "192.168.100.0/24",
    "azure-py-vdc:hub_address_space": "10.100.0.0/16",
}
"""Values for configuration that programs require and do not carry, by full key; any file will do for a key's path."""
_WORDS = {
    "privatekey": "-----BEGIN RSA PRIVATE KEY-----",
    "count": "2",
    "size": "2",
    "number": "2",
    "port": "8080",
    "cpu": "1",
    "cidr": "10.0.0.0/16",
}
"""Parts of a key's name that say what kind of value it takes."""
_KEPT_VARIABLES = ("PATH", "LANG", "TMPDIR", "PYTHONDONTWRITEBYTECODE")
_ATTEMPTS = 5


@dataclass(frozen=True)
class Verdict:
    """What became of one program."""

    name: str
    resources: int
    seconds: float
    reason: str = ""

    @property
    def planned(self) -> bool:
        return not self.reason


def main() -> int:
    """Plan what the command line names; 0 when everything planned."""
    arguments = _arguments()
    os.environ["HOME"] = tempfile.mkdtemp()
    for name in set(os.environ) - {*_KEPT_VARIABLES, "HOME"}:
        del os.environ[name]
    os.environ["USER"] = "example"
    verdicts = []
    for name, project in programs(arguments.folder, arguments.first):
        verdict = judge(name, project, arguments.python)
        state = f"{verdict.resources:4} resources" if verdict.planned else "not planned   "
        print(f"{verdict.name:55} {state} {verdict.seconds:6.1f} s  {verdict.reason}", flush=True)
        verdicts.append(verdict)
    planned = sum(verdict.planned for verdict in verdicts)
    print(f"{planned} of {len(verdicts)} programs planned")
    return 0 if planned == len(verdicts) else 1


def programs(folder: Path, first: int) -> Iterator[tuple[str, Project]]:
    """The Python projects under the first `first` folders of `folder`, by name; all of them when `first` is 0."""
    folders = sorted(path for path in folder.iterdir() if path.is_dir())
    for place in folders[: first or None]:
        for file in sorted(place.rglob("Pulumi.yaml")):
            try:
                yield file.parent.relative_to(folder).as_posix(), load_project(file.parent)
            except ConfigurationError as error:
                print(f"{file.parent.relative_to(folder)}: skipped, {error}", file=sys.stderr)


def judge(name: str, project: Project, python: Path | None) -> Verdict:
    """Plan one program, giving it what configuration it asks for."""
    if python is not None:
        project = dataclasses.replace(project, virtualenv=python.parent.parent)
    stack = (*(s for s in project.stacks() if s != "example"), "dev")[0]
    given = dict(VALUES)
    started = time.monotonic()
    reason = ""
    for _ in range(_ATTEMPTS):
        try:
            made = plan(project, stack, config=given, log=lambda *_: None)
            return Verdict(name, len(made.resources), time.monotonic() - started)
        except ConfigurationError as error:
            keys = {problem.path for problem in error.problems}
            reason = str(error).replace("\n", "; ")
            if not keys or keys <= given.keys():
                break
            given |= {key: _value(key) for key in keys - given.keys()}
        except HybridMLError as error:
            reason = str(error).splitlines()[0]
            break
    return Verdict(name, 0, time.monotonic() - started, reason)


def _value(key: str) -> str:
    return next((value for word, value in _WORDS.items() if word in key.lower()), "example")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Plan every public program in a folder.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--python", type=Path, help="interpreter of an environment with the SDKs")
    parser.add_argument("--first", type=int, default=0, help="how many folders, in alphabetical order")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
