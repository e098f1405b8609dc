"""The files of an endpoint: new ones, and ones that a person has edited since."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hybridml.errors import ConfigurationError
from hybridml.onboarding import documents
from hybridml.onboarding.documents import NewVersion, Role
from hybridml.spec import EndpointSpec

ROOT = Path(__file__).resolve().parents[2]
FIRST = NewVersion(
    endpoint="churn",
    version="1",
    uri="models/churn/1",
    sha256="a" * 64,
    format="mlflow",
    card="docs/models/churn.md",
    data="b" * 64,
    run="c" * 64,
    flavour="scikit-learn, LogisticRegression",
    columns=("age", "a|b`"),
    target="churned",
    baseline="baselines/churn/1.json",
)
SECOND = replace(FIRST, version="2", uri="models/churn/2", sha256="d" * 64, run="e" * 64)


def _loaded(text: str, tmp_path: Path) -> EndpointSpec:
    (tmp_path / "churn.yaml").write_text(text, encoding="utf-8")
    return EndpointSpec.from_mapping("churn", tmp_path / "churn.yaml")


def test_a_new_endpoint_loads(tmp_path: Path) -> None:
    """Its file is a specification, as strict as it can be without knowing more."""
    spec = _loaded(documents.new_endpoint(FIRST, owner="team", data_class="confidential"), tmp_path)

    assert (spec.owner, str(spec.data_class), spec.access.groups) == ("team", "confidential", ("churn-callers",))
    assert spec.versions["1"].artifact.sha256 == "a" * 64
    assert spec.versions["1"].lineage.data == f"sha256:{'b' * 64}"
    assert spec.rollout.strategy == "canary"


@pytest.mark.parametrize("word", ["null", "true", "off"])
def test_words_of_yaml_are_words(word: str, tmp_path: Path) -> None:
    """A team, an endpoint and a version may be called what means something else to YAML."""
    version = replace(FIRST, endpoint=word, version=word)
    spec = _loaded(documents.new_endpoint(version, owner=word, data_class="internal"), tmp_path)

    assert (spec.owner, *spec.versions, spec.traffic.champion.version) == (word, word, word)


def test_no_name_breaks_the_card() -> None:
    """Signs that nobody sees, or that mean something to a table, are written out."""
    held = documents.card(
        None, replace(FIRST, flavour="MLflow, a|b\n# c", columns=("a|b`\n\x1b\u202e",)), owner="me", statistics=None
    )

    assert "| model | MLflow, a\\|b\\n# c |" in held
    assert "| takes | `a\\|b'\\n\\u001b\\u202e` |" in held


def test_what_is_commented_out_loads_too(tmp_path: Path) -> None:
    """The monitors that a new file suggests are right once the signs are taken away."""
    text = documents.new_endpoint(FIRST, owner="team", data_class="internal")
    taken_up = (
        text.replace("# capture:", "capture:").replace("# monitors:", "monitors:").replace("#   drift", "  drift")
    )

    spec = _loaded(taken_up, tmp_path)

    assert spec.monitors.drift is not None
    assert spec.monitors.drift.baseline == "baselines/churn/1.json"


def test_a_champion_takes_over(tmp_path: Path) -> None:
    """The old version stays declared, one edit away."""
    text = documents.new_endpoint(FIRST, owner="team", data_class="internal")
    spec = _loaded(documents.with_version(text, SECOND, Role.CHAMPION, "churn.yaml"), tmp_path)

    assert (spec.traffic.champion.version, set(spec.versions)) == ("2", {"1", "2"})


def test_a_challenger_takes_a_tenth_and_hands_it_on(tmp_path: Path) -> None:
    """A further challenger gets the share of the one before."""
    text = documents.new_endpoint(FIRST, owner="team", data_class="internal")
    once = documents.with_version(text, SECOND, Role.CHALLENGER, "churn.yaml")
    spec = _loaded(documents.with_version(once, replace(SECOND, version="3"), Role.CHALLENGER, "churn.yaml"), tmp_path)

    assert {name: (each.version, each.weight) for name, each in spec.traffic.variants.items()} == {
        "champion": ("1", 90),
        "challenger": ("3", 10),
    }


def test_a_shadow_hears_everything(tmp_path: Path) -> None:
    """Copies of all requests."""
    text = documents.new_endpoint(FIRST, owner="team", data_class="internal")
    spec = _loaded(documents.with_version(text, SECOND, Role.SHADOW, "churn.yaml"), tmp_path)

    assert spec.traffic.shadow is not None
    assert (spec.traffic.shadow.version, spec.traffic.shadow.sample) == ("2", 100)


@pytest.mark.parametrize("name", ["churn", "digits", "wine"])
@pytest.mark.parametrize("role", Role)
def test_a_file_of_somebody_else_keeps_every_line(name: str, role: Role) -> None:
    """Only lines of traffic change, and lines of the version come in; comments and quotes stay."""
    text = (ROOT / "infra" / "endpoints" / f"{name}.yaml").read_text(encoding="utf-8")

    edited = documents.with_version(text, replace(SECOND, version="9"), role, "it.yaml")

    gone = [line for line in text.splitlines() if line not in edited.splitlines()]
    assert [line for line in gone if "version:" not in line] == []
    assert len(gone) <= 2


@pytest.mark.parametrize("stack", sorted((ROOT / "stacks").glob("*.yaml")), ids=lambda path: path.name)
def test_a_stack_keeps_every_line(stack: Path) -> None:
    """An entry comes in at the end; nothing else changes, nulls included."""
    text = stack.read_text(encoding="utf-8")

    edited = documents.with_entry(text, "added", "laptop", 8099, stack.name)

    assert edited.startswith(text)
    assert edited.removeprefix(text).splitlines()[:3] == [
        "    added:",
        "      placement: {primary: laptop}",
        "      port: 8099",
    ]


@pytest.mark.parametrize("indent", ["    - a\n    - b\n", "  - a\n  - b\n"])
def test_lists_keep_their_indentation(indent: str) -> None:
    """Both ways to write one are left alone."""
    text = f"config:\n  other:list:\n{indent}  hybridml:endpoints: {{}}\n"

    assert indent in documents.with_entry(text, "added", "laptop", 8099, "it.yaml")


def test_a_file_that_is_not_yaml_is_refused() -> None:
    """With its name."""
    with pytest.raises(ConfigurationError, match="is not YAML"):
        documents.with_entry("config: {", "a", "b", 1, "it.yaml")


def test_a_card_says_what_is_known_and_keeps_what_was_written() -> None:
    """A second version is a further section; names of columns cannot break the table."""
    first = documents.card(None, FIRST, owner="team", statistics={"rows": 60})
    edited = first.replace("To be written: what the model decides", "Decides who gets a letter")
    both = documents.card(edited, SECOND, owner="team", statistics=None)

    assert "| takes | `age`, `a\\|b'` |" in first
    assert "| data | 60 rows, sha256" in first
    assert both.startswith(edited.rstrip("\n"))
    assert [line for line in both.splitlines() if line.startswith("## ")] == ["## Version 1", "## Version 2"]
