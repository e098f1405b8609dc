"""Each kind of value has one spelling, and stands for a number where there is one."""

from __future__ import annotations

import pytest
from hybridml.spec.scalars import SPELLINGS, Cpu, Duration, Image, Size
from hybridml.spec.vocabulary import ModelFormat, QualityMetric
from spec.project import Files, endpoint, refusals

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("10m", 600), ("2h", 7200), ("1d", 86400)])
def test_durations(text: str, seconds: int) -> None:
    """A whole number and a unit."""
    assert Duration(text).seconds == seconds


@pytest.mark.parametrize("text", ["30", "30 s", "0s", "1.5h", "1h30m", "PT30S", "30sec", "-1s", "", "30s\n"])
def test_other_durations_are_refused(text: str) -> None:
    """No second spelling."""
    (problem,) = refusals(rollout={"interval": text})
    assert problem.startswith("iris.rollout.interval: ")
    assert 'such as "30s", "10m", "2h" or "1d"' in problem


@pytest.mark.parametrize(("text", "amount"), [("1Ki", 1024), ("512Mi", 512 << 20), ("2Gi", 2 << 30), ("1Ti", 1 << 40)])
def test_sizes(text: str, amount: int) -> None:
    """Powers of 1,024."""
    assert Size(text).bytes == amount


@pytest.mark.parametrize("text", ["2GB", "2G", "2gi", "2 Gi", "0Gi", "1.5Gi", "2048"])
def test_other_sizes_are_refused(text: str) -> None:
    """No powers of 1,000, no fractions."""
    (problem,) = refusals(runtime={"resources": {"memory": text}})
    assert 'such as "512Mi" or "2Gi"' in problem


@pytest.mark.parametrize(("text", "millicores"), [("1", 1000), ("16", 16000), ("500m", 500)])
def test_cpus(text: str, millicores: int) -> None:
    """Cores, or thousandths."""
    assert Cpu(text).millicores == millicores


def test_images() -> None:
    """Name and tag, and a digest where one is known."""
    image = Image(f"registry.example:5000/team/serving:v1.2@{DIGEST}")
    assert (image.name, image.tag, image.digest) == ("registry.example:5000/team/serving", "v1.2", DIGEST)
    assert Image("serving:1").digest is None


@pytest.mark.parametrize("text", ["serving", f"serving@{DIGEST}", "serving:1@sha256:12", "Serving:1", "serving:"])
def test_other_images_are_refused(text: str) -> None:
    """An image without a tag, or with half a digest, is none."""
    (problem,) = refusals(runtime={"image": text})
    assert "write name:tag@sha256:digest" in problem


@pytest.mark.parametrize(
    "uri",
    ["s3://models/a/", "gs://models/a", "models:/churn/4", "oci://registry.example/a:1", "https://models.example/a",
     "pvc://claim/a", "models/a", ".hybridml/models/a/1", "/srv/models/a"],
)  # fmt: skip
def test_artifacts_lie_anywhere(uri: str) -> None:
    """Buckets, registries, volumes and paths."""
    assert endpoint(versions={"1": {"artifact": {"uri": uri}}}).versions["1"].artifact.uri == uri


@pytest.mark.parametrize(
    "uri",
    ["http://models.example/a", "models:/churn@champion", "models:/churn/latest", "file:///a", "s3:/models/a", "",
     "ftp://a/b", "https://h/a?token=x"],
)  # fmt: skip
def test_what_moves_or_is_not_encrypted_is_no_artifact(uri: str) -> None:
    """Aliases move, plain HTTP is read by others, query strings carry secrets."""
    (problem,) = refusals(versions={"1": {"artifact": {"uri": uri}}})
    assert problem.startswith("iris.versions.1.artifact.uri: ")


@pytest.mark.parametrize("secret", ["s3://key:hunter2@models/a", "https://user:hunter2@models.example/a"])
def test_credentials_in_an_address_are_refused_and_not_repeated(secret: str) -> None:
    """The message shows no password."""
    (problem,) = refusals(versions={"1": {"artifact": {"uri": secret}}})
    assert "hunter2" not in problem
    assert "never with credentials inside" in problem


def test_secret_values_are_never_repeated() -> None:
    """Whatever is wrong with a secret or a variable, its value is not in the message."""
    runtime = {"secrets": {"TOKEN": "hunter2", "OTHER": ["hunter2"]}, "env": {"PORT": 8080, "B-C": "hunter2"}}
    problems = refusals(runtime=runtime, versions={"1": {"artifact": {"uri": "a", "signature": {"key": ["hunter2"]}}}})
    assert len(problems) == 5
    assert not any("hunter2" in problem or "8080" in problem for problem in problems)


@pytest.mark.parametrize("value", [True, 5.0, "5", None, float("nan")])
def test_numbers_are_not_guessed(value: object) -> None:
    """Neither text nor true becomes a whole number."""
    (problem,) = refusals(scaling={"requests_per_replica": value})
    assert "is not a whole number" in problem


def test_percentages_and_shares_have_bounds() -> None:
    """Percentages reach from 0 to 100, shares from 0 to 1."""
    assert refusals(capture={"sample": 0}) == [
        "iris.capture.sample: 0 is outside the allowed range (write more than 0)"
    ]
    assert refusals(slo={"error_rate": 1.5}) == [
        "iris.slo.error_rate: 1.5 is outside the allowed range (write at most 1)"
    ]


def test_formats_that_run_code_are_known() -> None:
    """Pickle, joblib and PyTorch archives run what their author put inside."""
    assert {str(each) for each in ModelFormat if each.pickled} == {"pickle", "joblib", "pytorch"}


def test_metrics_know_their_direction() -> None:
    """Errors are better when lower, scores when higher."""
    assert {str(each) for each in QualityMetric if not each.higher_is_better} == {"mae", "rmse"}


@pytest.mark.parametrize("day", ["5", "2027-02-30", "31.3.2027", "2027-3-1", "", "2027-03-31T00:00:00"])
def test_days_have_one_spelling(files: Files, day: str) -> None:
    """Year, month and day, of a day that exists."""
    waiver = "  hybridml:waivers: [{policy: ML-001, urn: '*', reason: none, owner: team, expires: %s}]\n"
    text = files.stack.read_text()
    files.write("stacks/Pulumi.any.yaml", text + waiver % "2027-03-31")
    assert files.load().stack.waivers[0].expires.isoformat() == "2027-03-31"
    files.write("stacks/Pulumi.any.yaml", text + waiver % (day or "''"))
    (problem,) = files.problems()
    assert "hybridml:waivers.0.expires: " in problem
    assert "is not a day (write year, month and day, such as 2027-03-31)" in problem


def test_every_spelling_is_said_in_words() -> None:
    """Each pattern has its meaning, and no two meanings differ only by accident."""
    assert all(meaning and "\n" not in meaning for meaning in SPELLINGS.values())
