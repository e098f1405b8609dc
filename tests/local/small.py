"""A project with one small endpoint on this machine, applied for real with the embedded engine."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from hybridml.engine.apply import UpResult, destroy, up
from hybridml.engine.project import load_project
from hybridml.provider.tokens import mint
from local.conftest import PROGRAM
from local.served import free_ports

STACK = "local"


def save_model(folder: Path, factor: float) -> Path:
    """A regression in MLflow's format that answers `factor` times its one input."""
    import mlflow.sklearn
    import pandas as pd
    from mlflow.models import infer_signature
    from sklearn.linear_model import LinearRegression

    data = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0]})
    model = LinearRegression(fit_intercept=False).fit(data, data["x"] * factor)
    mlflow.sklearn.save_model(
        model, str(folder), signature=infer_signature(data, model.predict(data)), pip_requirements=["scikit-learn"]
    )
    return folder


@dataclass
class Small:
    """The project: what is asked for, and what runs."""

    root: Path
    spec: dict[str, Any] = field(default_factory=dict)
    name: str = "churn"
    outputs: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.root / "Pulumi.yaml").write_text("name: small\nruntime: python\n")
        (self.root / "__main__.py").write_text(PROGRAM)
        self.port = free_ports(1)[0]
        self.spec = {
            "apiVersion": "hybridml/v1",
            "owner": "team-growth",
            "data_class": "internal",
            "versions": {"1": {"artifact": {"uri": "models/1"}}},
            "traffic": {"champion": {"version": "1"}},
            "access": {"invokers": ["group:scoring-clients"]},
            **self.spec,
        }

    def up(self) -> UpResult:
        """Applies what is asked for now."""
        wanted = {"name": self.name, "spec": self.spec, "target": {"kind": "local", "port": self.port}}
        (self.root / "wanted.json").write_text(json.dumps(wanted))
        result = up(load_project(self.root), STACK)
        self.outputs = dict(result.outputs["endpoints"])[self.name]  # type: ignore[call-overload]
        return result

    def destroy(self) -> None:
        """Takes everything away."""
        destroy(load_project(self.root), STACK)

    def ask(self, x: float) -> tuple[int, Any]:
        """Status and prediction for one input."""
        said = self.outputs["authentication"]
        token = mint(Path(said["key"]), issuer="hybridml", audience=self.name, subject="t", groups=["scoring-clients"])
        answer = httpx.post(
            self.outputs["url"],
            json={"dataframe_records": [{"x": x}]},
            headers={"authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=60,
        )
        return answer.status_code, answer.json()["predictions"][0] if answer.is_success else answer.text

    @property
    def state_folder(self) -> Path:
        """Where the stack keeps what it owns."""
        return self.root / ".hybridml" / STACK
