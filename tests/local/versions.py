"""Versions of one model, made in a moment: a good one, one that raises on some inputs, one that is ten times slower."""

from __future__ import annotations

import json
from pathlib import Path

from hybridml.spec.digest import digest
from local.served import STACK, Served
from ruamel.yaml import YAML

CODE = '''
import time

import mlflow
from mlflow.pyfunc import PythonModel


class Model(PythonModel):
    """Answers how large a number is."""

    def predict(self, context, model_input, params=None):
        value = float(model_input.iloc[0, 0])
        if {raises} and int(value) % {raises} == 0:
            raise ValueError("this input was never seen")
        time.sleep({seconds})
        return [value + {version}]


mlflow.models.set_model(Model())
'''
VERSIONS = {
    "1": {"raises": 0, "seconds": 0.005},
    "2": {"raises": 0, "seconds": 0.005},
    "raising": {"raises": 5, "seconds": 0.005},
    "slow": {"raises": 0, "seconds": 0.05},
}
"""Two that are good, one that raises on every fifth number, one that is ten times slower."""
BODIES = [json.dumps({"dataframe_split": {"columns": ["x"], "data": [[float(x)]]}}) for x in range(1, 101)]
POLICY = {
    "strategy": "canary",
    "steps": [25, 50],
    "interval": "1s",
    "bake": "6s",
    "max_bake": "40s",
    "min_requests": 40,
    "abort_on": {"error_rate": 0.05, "worse_than_champion": 0.999},
}
"""A canary that is over in a moment, at the confidence that is promised."""


def make(served: Served) -> None:
    """Saves every version, says their digests, and lets the stack serve version 1 of `churn` and nothing else."""
    import mlflow.pyfunc
    import pandas

    digests = {}
    for number, (version, settings) in enumerate(VERSIONS.items()):
        folder = served.root / ".hybridml/models/churn" / version
        folder.parent.mkdir(parents=True, exist_ok=True)
        code = served.root / f"{version}.py"
        code.write_text(CODE.format(version=number, **settings))
        example = pandas.DataFrame({"x": [1.0]})
        mlflow.pyfunc.save_model(str(folder), python_model=str(code), input_example=example, pip_requirements=[])
        digests[version] = {"sha256": digest(folder)}
    with (served.root / ".hybridml/digests.yaml").open("w") as file:
        YAML().dump({"churn": digests}, file)
    _only_churn(served)


def champion(served: Served, version: str) -> None:
    """Asks for `version` as the champion, with all of the traffic."""

    def change(endpoint: dict[str, object]) -> None:
        endpoint["traffic"] = {"champion": {"version": version, "weight": 100}}

    served.edit("infra/endpoints/churn.yaml", change)


def _only_churn(served: Served) -> None:
    def endpoint(document: dict[str, object]) -> None:
        document["versions"] = {
            version: {"artifact": {"uri": f".hybridml/models/churn/{version}"}, "format": "mlflow"}
            for version in VERSIONS
        }
        document.pop("capture", None)

    def stack(document: dict[str, dict[str, dict[str, dict[str, object]]]]) -> None:
        endpoints = document["config"]["hybridml:endpoints"]
        endpoints.pop("wine")
        endpoints["churn"].pop("versions")

    champion(served, "1")
    served.edit("infra/endpoints/churn.yaml", endpoint)
    served.edit(f"stacks/Pulumi.{STACK}.yaml", stack)
    Path(served.root / "infra/endpoints/wine.yaml").unlink()
