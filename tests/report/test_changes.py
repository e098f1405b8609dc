"""A plan that was compared with a state shows what would change."""

from __future__ import annotations

from typing import Any

from hybridml.report import plan_text

PREFIX = "urn:pulumi:one::shop::"


def _resource(token: str, name: str) -> dict[str, Any]:
    return {"urn": f"{PREFIX}{token}::{name}", "type": token, "name": name, "parent": "", "custom": True}


def _change(token: str, name: str, action: str, paths: list[str], *, may_replace: bool = False) -> dict[str, Any]:
    properties = [{"path": path, "before": 1, "after": 2} for path in paths]
    return {"urn": f"{PREFIX}{token}::{name}", "action": action, "properties": properties, "mayReplace": may_replace}


def _plan(changes: list[dict[str, Any]] | None, counts: dict[str, int]) -> dict[str, Any]:
    names = ["born", "changed", "kept", "renewed"]
    resources = [_resource("a:b:C", name) for name in names]
    summary = {"resources": 4, "changes": counts}
    return {
        "project": "shop",
        "stack": "one",
        "resources": resources,
        "outputs": {},
        "diff": changes,
        "summary": summary,
    }


def test_each_change_has_its_mark_and_its_reasons() -> None:
    """Created, updated, replaced and deleted resources are told apart; properties are named, then counted."""
    changes = [
        _change("a:b:C", "born", "create", []),
        _change("a:b:C", "changed", "update", ["one", "two", "three", "four", "five", "six"], may_replace=True),
        _change("a:b:C", "renewed", "replace", ["path"]),
        _change("a:b:C", "gone", "delete", []),
    ]

    text = plan_text(_plan(changes, {"create": 1, "update": 1, "replace": 1, "delete": 1, "same": 1}))

    assert text == (
        "shop/one  4 resources\n"
        "\n"
        "+ born  a:b:C\n"
        "~ changed  a:b:C  one, two, three, four, five and 1 more; may replace\n"
        "kept  a:b:C\n"
        "± renewed  a:b:C  path\n"
        "\n"
        "to delete\n"
        "    - gone  a:b:C\n"
        "\n"
        "1 to create, 1 to update, 1 to replace, 1 to delete  (1 unchanged)\n"
    )


def test_no_change_is_said() -> None:
    """A stack that is what its program asks for has no marks and no changes."""
    text = plan_text(_plan([], {"create": 0, "update": 0, "replace": 0, "delete": 0, "same": 4}))

    assert text.endswith("renewed  a:b:C\n\nno changes  (4 unchanged)\n")


def test_without_a_state_nothing_is_compared() -> None:
    """A plan by itself has no marks and no sum of changes."""
    text = plan_text(_plan(None, {}))

    assert text.endswith("renewed  a:b:C\n")
    assert "+" not in text


def test_outputs_that_are_maps_are_indented() -> None:
    """Nested outputs are lines, not one long one."""
    plan = _plan(None, {}) | {"outputs": {"endpoints": {"churn": {"url": "u", "groups": ["a"]}}, "count": 1}}

    text = plan_text(plan)

    assert '    count: 1\n    endpoints:\n      churn:\n        groups: ["a"]\n        url: u\n' in text
