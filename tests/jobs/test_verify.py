"""Who signed an artifact: what verifies, and every way in which it does not."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hybridml.jobs.verify import NotSigned, main, verify

model_signing = pytest.importorskip("model_signing", reason="model-signing is not installed: 'hybridml[local]'")

from cryptography.hazmat.primitives import serialization  # noqa: E402 - after the skip
from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: E402


def key_pair(folder: Path, name: str, curve: ec.EllipticCurve | None = None) -> tuple[Path, Path]:
    """Private and public half in PEM."""
    key = ec.generate_private_key(curve or ec.SECP256R1())
    plain = serialization.NoEncryption()
    private, public = folder / f"{name}.key", folder / f"{name}.pub"
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, form))
    return private, public


class Signed:
    """An artifact, its key and its signature."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.artifact, self.bundle = folder / "model", folder / "model.sig"
        (self.artifact / "code").mkdir(parents=True)
        (self.artifact / "MLmodel").write_text("flavors: {}\n")
        (self.artifact / "code" / "features.py").write_text("TWO = 2\n")
        self.private, self.key = key_pair(folder, "ours")
        self.sign()

    def sign(self) -> None:
        model_signing.signing.Config().use_elliptic_key_signer(private_key=self.private).sign(
            self.artifact, self.bundle
        )

    def refusal(self) -> str:
        """The one line that says why it does not verify."""
        with pytest.raises(NotSigned) as refused:
            verify(self.artifact, self.key, self.bundle)
        assert "\n" not in str(refused.value)
        return str(refused.value)


@pytest.fixture
def signed(tmp_path: Path) -> Signed:
    return Signed(tmp_path)


def test_what_was_signed_verifies(signed: Signed) -> None:
    """The artifact as it was signed, with the right key, is accepted; a copy of it elsewhere too."""
    shutil.copytree(signed.artifact, signed.folder / "elsewhere" / "3")

    verify(signed.artifact, signed.key, signed.bundle)
    verify(signed.folder / "elsewhere" / "3", signed.key, signed.bundle)


def test_a_file_verifies(signed: Signed) -> None:
    """An artifact may be one file."""
    signed.artifact = signed.folder / "model.onnx"
    signed.artifact.write_bytes(b"onnx")
    signed.sign()

    verify(signed.artifact, signed.key, signed.bundle)
    signed.artifact.write_bytes(b"onnX")
    assert "is not what" in signed.refusal()


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
def test_larger_curves_verify(signed: Signed, curve: ec.EllipticCurve) -> None:
    """P-384 and P-521 sign as well as P-256."""
    signed.private, signed.key = key_pair(signed.folder, "large", curve)
    signed.sign()

    verify(signed.artifact, signed.key, signed.bundle)


def test_another_key_is_refused(signed: Signed) -> None:
    """A signature by somebody else is named as such."""
    signed.key = key_pair(signed.folder, "theirs")[1]

    assert "was not signed with the private half of" in signed.refusal()


def test_a_changed_byte_is_refused(signed: Signed) -> None:
    """One byte of one file, and the file is named."""
    (signed.artifact / "code" / "features.py").write_text("TWO = 3\n")

    assert "code/features.py" in signed.refusal()


def test_a_missing_file_and_one_too_many_are_refused(signed: Signed) -> None:
    """What the signature lists has to be there, and nothing else may be."""
    (signed.artifact / "MLmodel").rename(signed.artifact / "MLmodel2")

    assert "MLmodel2" in signed.refusal()


@pytest.mark.parametrize("name", [".gitattributes", ".git/hooks/post-checkout", ".github/x"])
def test_a_file_where_signers_do_not_look_is_refused(signed: Signed, name: str) -> None:
    """The library leaves the paths of git out of a signature; what lies there is not signed."""
    (signed.artifact / name).parent.mkdir(parents=True, exist_ok=True)
    (signed.artifact / name).write_text("anything")

    assert f"1 of its files are not signed: {name}" in signed.refusal()


def test_a_file_that_the_signer_ignored_is_refused(signed: Signed) -> None:
    """A path that the signer chose to leave out may hold anything, so it may not exist."""
    hashing = model_signing.hashing.Config().set_ignored_paths(paths=["code"])
    config = model_signing.signing.Config().use_elliptic_key_signer(private_key=signed.private)
    config.set_hashing_config(hashing).sign(signed.artifact, signed.bundle)

    assert "not signed: code/features.py" in signed.refusal()


@pytest.mark.parametrize("target", ["MLmodel", "/etc", "nowhere"])
def test_a_link_is_refused_as_one(signed: Signed, target: str) -> None:
    """What it leads to may change without the signature; the message names the link, not the bundle."""
    (signed.artifact / "code" / "link").symlink_to(target)

    assert f"{signed.artifact}/code/link is a link" in signed.refusal()


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", '{"mediaType": 7}', "not json", "\x00\x01"])
def test_a_bundle_that_is_none_is_refused(signed: Signed, content: str) -> None:
    """Garbage is one line, and no traceback."""
    signed.bundle.write_text(content)

    assert "is not a signature of model-signing" in signed.refusal()


def test_a_bundle_in_which_something_was_changed_is_refused(signed: Signed) -> None:
    """A signature that is put below another statement does not hold."""
    bundle = json.loads(signed.bundle.read_text())
    bundle["dsseEnvelope"]["payload"] = bundle["dsseEnvelope"]["payload"][:-8] + "AAAAfQo="
    signed.bundle.write_text(json.dumps(bundle))

    assert "was not signed with" in signed.refusal()


@pytest.mark.parametrize("missing", ["artifact", "key", "bundle"])
def test_what_is_missing_is_named(signed: Signed, missing: str) -> None:
    """Artifact, key and bundle each say that they are missing."""
    setattr(signed, missing, signed.folder / "nowhere")

    assert f"{signed.folder}/nowhere is missing" in signed.refusal()


def test_a_key_that_is_none_is_refused(signed: Signed) -> None:
    """A private key, an RSA key and no key at all are no keys that verify."""
    public = rsa.generate_private_key(65537, 2048).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    for content in (signed.private.read_bytes(), public.public_bytes(serialization.Encoding.PEM, form), b"key"):
        (signed.folder / "wrong.pub").write_bytes(content)
        signed.key = signed.folder / "wrong.pub"
        assert "is not a public key that verifies signatures" in signed.refusal()


def test_the_command_ends_with_one_line(signed: Signed, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 0 and silence, or status 1 and the reason."""
    arguments = [str(signed.artifact), "--key", str(signed.key), "--bundle", str(signed.bundle)]
    assert main(arguments) == 0
    assert capsys.readouterr() == ("", "")

    signed.bundle.unlink()
    assert main(arguments) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_the_librarys_own_command_signs(signed: Signed) -> None:
    """A signature made with the command of the library, as the guide says, verifies."""
    command = Path(sys.executable).with_name("model_signing")
    signed.bundle.unlink()
    arguments = ["sign", "key", str(signed.artifact), "--private_key", str(signed.private)]
    subprocess.run([command, *arguments, "--signature", str(signed.bundle)], check=True, capture_output=True)

    verify(signed.artifact, signed.key, signed.bundle)
