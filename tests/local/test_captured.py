"""What each server is told about capture, before anything is started."""

from __future__ import annotations

import json
from typing import Any

from hybridml.jobs.capture import VARIABLE, CaptureSettings
from local.conftest import CHURN, Planned, PlanOf

CAPTURE: dict[str, Any] = {"sample": 12.5, "retention_days": 30, "drop": ["email"], "hash": ["phone"]}


def told(planned: Planned, name: str) -> str | None:
    return planned.one(name).inputs["env"].get(VARIABLE)


def test_each_server_has_settings_of_its_own(plan_of: PlanOf) -> None:
    """One folder for the endpoint, a file name for each server, the bytes that it serves; no secret among them."""
    planned = plan_of(CHURN | {"capture": CAPTURE})
    home = planned.root / ".hybridml" / "local"

    settings = CaptureSettings.from_json(str(told(planned, "churn-4-1")))

    assert settings == CaptureSettings(
        folder=str(home / "capture" / "churn"),
        key=str(home / "keys" / "churn.capture"),
        replica="4-1",
        version="4",
        revision="4-44444444",
        sample=12.5,
        retention_days=30,
        drop=("email",),
        hash=("phone",),
    )
    replicas = [json.loads(str(told(planned, f"churn-{server}")))["replica"] for server in ("3-0", "3-1", "4-0")]
    assert replicas == ["3-0", "3-1", "4-0"]


def test_the_stack_exports_where_records_lie_and_who_is_who(plan_of: PlanOf) -> None:
    """A report needs nothing else."""
    planned = plan_of(CHURN | {"capture": CAPTURE})

    assert planned.plan.outputs["endpoints"]["churn"]["capture"] == {
        "folder": str(planned.root / ".hybridml" / "local" / "capture" / "churn"),
        "champion": "3-33333333",
        "challenger": "4-44444444",
        "shadow": "4-44444444",
    }


def test_without_capture_nobody_is_told_anything(plan_of: PlanOf) -> None:
    """Neither the servers nor the stack's outputs name it."""
    planned = plan_of(CHURN)

    assert told(planned, "churn-3-0") is None
    assert "capture" not in planned.plan.outputs["endpoints"]["churn"]
