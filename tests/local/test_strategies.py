"""How one version takes over from another on this machine, under load; and a secret that reaches the model."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hybridml.provider.rollout_folder import RolloutFolder
from hybridml.provider.tokens import mint
from local.served import callers, needs_the_local_extra, tally
from local.small import STACK, Small

pytestmark = [pytest.mark.services, pytest.mark.timeout(900)]

CODE = """
import os

import mlflow
from mlflow.pyfunc import PythonModel


class Model(PythonModel):
    def predict(self, context, model_input, params=None):
        return [float(os.environ["FACTOR"]) * float(model_input.iloc[0, 0]) + {version}]


mlflow.models.set_model(Model())
"""
BODIES = [json.dumps({"dataframe_split": {"columns": ["x"], "data": [[float(x)]]}}) for x in range(1, 51)]
QUICK = {"interval": "1s", "bake": "4s", "max_bake": "60s", "min_requests": 20, "abort_on": {"error_rate": 0.05}}


@pytest.fixture(scope="module")
def small() -> Iterator[Small]:
    """An endpoint with three versions, which multiply by a secret of the stack."""
    needs_the_local_extra()
    with tempfile.TemporaryDirectory(prefix="hybridml-") as folder:
        root = Path(folder).resolve()
        _save_models(root)
        (root / f"Pulumi.{STACK}.yaml").write_text("config: {small:factor: '7'}\n", encoding="utf-8")
        versions = {str(version): {"artifact": {"uri": f"models/{version}"}} for version in (1, 2, 3)}
        project = Small(root, {"versions": versions, "runtime": {"secrets": {"FACTOR": "config:factor"}}})
        try:
            project.up()
            yield project
        finally:
            project.destroy()


def _save_models(root: Path) -> None:
    import mlflow.pyfunc
    import pandas

    for version in (1, 2, 3):
        code = root / f"model_{version}.py"
        code.write_text(CODE.format(version=version), encoding="utf-8")
        folder, example = root / "models" / str(version), pandas.DataFrame({"x": [1.0]})
        signature = mlflow.models.infer_signature(example, [1.0])
        mlflow.pyfunc.save_model(str(folder), python_model=str(code), signature=signature, pip_requirements=[])


def _moved(small: Small, version: str, rollout: dict[str, object]) -> list[str]:
    """The versions that answered while `version` took over, in the order in which they did; no request failed."""
    small.spec = small.spec | {"traffic": {"champion": {"version": version}}, "rollout": rollout}
    said = small.outputs["authentication"]
    token = mint(Path(said["key"]), issuer="hybridml", audience="churn", subject="t", groups=["scoring-clients"])
    header = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    with callers(small.outputs["url"], header, BODIES, each_second=40) as answers:
        small.up()
    assert tally(answers) == {200: len(answers)}
    return [answered for _, answered, _, _ in answers]


@pytest.mark.promise("runtime.secrets", target="local", by="traffic")
@pytest.mark.slow
def test_a_secret_reaches_the_model(small: Small) -> None:
    """The model multiplies by what only the stack's configuration says."""
    assert small.ask(3.0) == (200, 22.0)


@pytest.mark.promise("rollout.strategy=all-at-once", target="local", by="traffic")
@pytest.mark.slow
def test_all_at_once_is_one_step(small: Small) -> None:
    """The new version answers everything once it is healthy, and no request is lost."""
    answered = _moved(small, "2", {"strategy": "all-at-once"})

    assert answered[0] == "1"
    assert set(answered) <= {"1", "2"}
    assert small.ask(1.0) == (200, 9.0)


@pytest.mark.promise("rollout.strategy=linear", target="local", by="traffic")
@pytest.mark.slow
def test_linear_moves_in_equal_steps(small: Small) -> None:
    """A quarter, half, three quarters, everything: both answer on the way, then only the new one, and none fails."""
    answered = _moved(small, "3", {"strategy": "linear", "steps": [25, 50, 75], **QUICK})

    first, last = answered.index("3"), len(answered) - 1 - answered[::-1].index("2")
    shares = answered[first:last].count("3") / max(1, last - first)
    assert 0.25 < shares < 0.75
    assert _verdict(small) == "promote"
    assert small.ask(1.0) == (200, 10.0)


@pytest.mark.promise("rollout.strategy=blue-green", target="local", by="traffic")
@pytest.mark.slow
def test_blue_green_moves_everything_and_keeps_a_way_back(small: Small) -> None:
    """The new version gets everything at once; the old one is let go only after the gates held for `bake`."""
    answered = _moved(small, "1", {"strategy": "blue-green", **QUICK})

    first, last = answered.index("1"), len(answered) - 1 - answered[::-1].index("3")
    assert last - first < 64
    assert len(answered) - first > 40 * 4 * 0.8
    assert _verdict(small) == "promote"
    assert small.ask(1.0) == (200, 8.0)


def _verdict(small: Small) -> str:
    outcome = RolloutFolder(Path(small.outputs["rollout"])).outcome()
    assert outcome is not None
    return str(outcome["verdict"])
