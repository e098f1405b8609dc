"""Signed artifacts on this machine: verified before anything of them is served, or the run fails."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hybridml.errors import HybridMLError
from hybridml.provider.processes import status
from hybridml.spec import EndpointSpec
from hybridml.targets.local.promises import refusals
from local.conftest import CHURN, PlanOf
from local.served import needs_the_local_extra
from local.small import Small, save_model
from provider.supervised import eventually

SIGNED = {"key": "keys/models.pub"}


def signed(version: str = "3", **signature: str) -> dict[str, Any]:
    """CHURN with one version that has to be signed."""
    artifact = {**CHURN["versions"][version]["artifact"], "signature": {**SIGNED, **signature}}
    return CHURN | {"versions": CHURN["versions"] | {version: {"artifact": artifact}}}


def test_a_signature_is_verified_before_its_servers_start(plan_of: PlanOf) -> None:
    """The job runs on the stored bytes, and every server of that version, and no other, waits for it."""
    planned = plan_of(signed())

    job = planned.one("churn-artifacts-3-signature")
    stored = planned.one("churn-artifacts-3-33333333")

    assert planned.names("HostJob") == ["churn-artifacts-3-signature"]
    assert job.inputs["argv"] == [
        sys.executable,
        "-m",
        "hybridml.jobs.verify",
        str(planned.root / ".hybridml/local/artifacts/churn/3-33333333"),
        "--key",
        str(planned.root / "keys/models.pub"),
        "--bundle",
        str(planned.root / "models/3.sig"),
    ]
    assert stored.urn in job.dependencies
    assert job.urn in planned.one("churn-3-0").dependencies
    assert job.urn not in planned.one("churn-4-0").dependencies
    assert planned.one("churn-3-0").inputs["env"]["__pyfunc_model_path__"] == stored.inputs["path"]


def test_a_bundle_may_lie_elsewhere(plan_of: PlanOf) -> None:
    """A bundle that is named is the one that is verified."""
    job = plan_of(signed(bundle="signatures/three.json")).one("churn-artifacts-3-signature")

    assert job.inputs["argv"][-1].endswith("/signatures/three.json")


def test_another_key_or_bundle_verifies_again(plan_of: PlanOf) -> None:
    """Key, bundle and artifact are triggers of the job; before they exist they are missing, and a plan says so."""
    planned = plan_of(signed())
    before = planned.one("churn-artifacts-3-signature").inputs["triggers"]
    (planned.root / "keys").mkdir()
    (planned.root / "keys/models.pub").write_text("key")

    after = plan_of(signed()).one("churn-artifacts-3-signature").inputs["triggers"]

    assert (before["key"], before["bundle"], before["artifact"]) == ("missing", "missing", "3" * 64)
    assert after["key"] != "missing" and after["bundle"] == "missing"


@pytest.mark.parametrize(
    ("signature", "path"),
    [
        ({"key": "gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k"}, "key"),
        ({"key": "projects/p/locations/l/keyRings/r/cryptoKeys/k"}, "key"),
        ({"key": "arn:aws:kms:eu-central-1:111122223333:key/1"}, "key"),
        ({"key": "awskms:///alias/models"}, "key"),
        ({**SIGNED, "bundle": "s3://models/3.sig"}, "bundle"),
    ],
)
def test_keys_and_bundles_of_elsewhere_are_refused(signature: dict[str, str], path: str) -> None:
    """This machine verifies with files; a key of a KMS and a bundle of a bucket are refused by name."""
    artifact = {**CHURN["versions"]["3"]["artifact"], "signature": signature}
    spec = EndpointSpec.from_mapping("churn", CHURN | {"versions": CHURN["versions"] | {"3": {"artifact": artifact}}})

    (problem,) = refusals("churn", spec)

    assert problem.path == f"churn.versions.3.artifact.signature.{path}"
    assert signature[path] in problem.message


def key_pair(folder: Path, name: str) -> None:
    """An EC key in PEM, as `NAME.key` and `NAME.pub`."""
    folder.mkdir(exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    (folder / f"{name}.key").write_bytes(private)
    (folder / f"{name}.pub").write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, form))


def sign(small: Small, version: str, key: str = "models") -> None:
    """Signs a version, its bundle beside it."""
    from model_signing.signing import Config

    artifact = small.root / "models" / version
    config = Config().use_elliptic_key_signer(private_key=small.root / "keys" / f"{key}.key")
    config.sign(artifact, artifact.with_name(f"{version}.sig"))


@pytest.fixture(scope="module")
def small() -> Iterator[Small]:
    """An endpoint whose version 1 is signed, verified and serves."""
    needs_the_local_extra()
    with tempfile.TemporaryDirectory(prefix="hybridml-") as folder:
        project = Small(Path(folder).resolve())
        for name in ("models", "others"):
            key_pair(project.root / "keys", name)
        for version, factor in (("1", 2.0), ("2", 3.0)):
            save_model(project.root / "models" / version, factor)
            sign(project, version)
        project.spec["versions"] = {
            version: {"artifact": {"uri": f"models/{version}", "signature": SIGNED}} for version in ("1", "2")
        }
        project.up()
        yield project
        project.destroy()


def _wrong_key(small: Small) -> None:
    sign(small, "2", key="others")


def _changed_byte(small: Small) -> None:
    with (small.root / "models/2/MLmodel").open("a") as file:
        file.write("# changed\n")


def _missing(small: Small) -> None:
    (small.root / "models/2.sig").unlink()


def _garbage(small: Small) -> None:
    (small.root / "models/2.sig").write_text("garbage")


DAMAGES = {
    "was not signed with the private half of": _wrong_key,
    "MLmodel": _changed_byte,
    "models/2.sig is missing": _missing,
    "is not a signature of model-signing": _garbage,
}


@pytest.mark.services
@pytest.mark.timeout(600)
@pytest.mark.promise("versions.artifact.signature", target="local", by="traffic")
def test_what_does_not_verify_is_never_started(small: Small) -> None:
    """One clear message, no server of that version, and what was serving serves on; mended, it takes over."""
    original = (small.root / "models/2/MLmodel").read_bytes()
    small.spec["traffic"] = {"champion": {"version": "2"}}
    for reason, damage in DAMAGES.items():
        sign(small, "2")
        damage(small)
        with pytest.raises(HybridMLError) as failed:
            small.up()
        assert reason in str(failed.value)
        assert "Traceback" not in str(failed.value)
        assert small.ask(1.0) == (200, pytest.approx(2.0))
        assert not list((small.state_folder / "run" / "churn").glob("churn-2-*"))
        (small.root / "models/2/MLmodel").write_bytes(original)

    sign(small, "2")
    small.up()
    assert small.ask(1.0) == (200, pytest.approx(3.0))
    assert [name for name, count in small.up().changes.items() if count] == ["same"]


@pytest.mark.services
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_server_that_restarts_after_a_failed_run_has_its_old_bytes(small: Small) -> None:
    """Other bytes under the version that serves, without a signature, never reach a server, not even after a crash."""
    small.spec["traffic"] = {"champion": {"version": "1"}}
    small.up()
    described = small.root / "models/1/MLmodel"
    described.write_text(described.read_text() + "# changed\n")

    with pytest.raises(HybridMLError, match="MLmodel"):
        small.up()
    (folder,) = (small.state_folder / "run" / "churn").glob("churn-1-*")
    before = status(folder)
    assert before is not None
    os.kill(before.child, signal.SIGKILL)
    eventually(lambda: (now := status(folder)) is not None and now.restarts == 1 and now.phase == "running")
    eventually(lambda: small.ask(1.0)[0] == 200, within=90)

    assert small.ask(1.0) == (200, pytest.approx(2.0))
    assert "# changed" not in Path(small.outputs["versions"]["1"], "MLmodel").read_text()
    described.write_text(described.read_text().removesuffix("# changed\n"))
