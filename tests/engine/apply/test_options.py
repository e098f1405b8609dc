"""What resource options mean when a program is applied."""

from __future__ import annotations

from typing import Any

import pytest
from engine.apply.sandbox import Sandbox, asked
from hybridml.engine.apply_options import seconds, steps, touched, without_ignored
from hybridml.errors import ConfigurationError, Refused, ResourceError


def file(path: str = "one.txt", content: Any = "a", **options: Any) -> list[Any]:
    return asked("File", {"path": path, "content": content}, **options)


def test_protected_resources_are_not_deleted(sandbox: Sandbox) -> None:
    """Neither by `up`, which changes nothing else either, nor by `destroy`."""
    sandbox.up(kept=file(protect=True))

    with pytest.raises(ResourceError) as up:
        sandbox.up(other=file("other.txt"))
    with pytest.raises(ResourceError) as destroy:
        sandbox.destroy()

    urn = "urn:pulumi:dev::demo::fixture:index:File::kept"
    assert str(up.value) == str(destroy.value)
    assert str(up.value).startswith(f"Protected resources would be deleted:\n  {urn}\nSet `protect=False`")
    assert sandbox.files() == {"one.txt": "a"}


def test_protected_resources_are_not_replaced(sandbox: Sandbox) -> None:
    """An update that would replace one fails, and the old one stays."""
    sandbox.up(kept=file(protect=True))

    with pytest.raises(ResourceError, match="Protected resources would be replaced"):
        sandbox.up(kept=file("moved.txt", protect=True))

    assert sandbox.files() == {"one.txt": "a"}


def test_protection_can_be_taken_back(sandbox: Sandbox) -> None:
    """After an `up` without `protect` the resource may go."""
    sandbox.up(kept=file(protect=True))
    sandbox.up(kept=file())

    sandbox.destroy()

    assert sandbox.files() == {}


def test_retained_resources_leave_the_state_and_stay_in_the_world(sandbox: Sandbox) -> None:
    """`retain_on_delete` forgets instead of deleting."""
    sandbox.up(kept=file(retain_on_delete=True), other=file("other.txt"))

    sandbox.up(other=file("other.txt"))

    assert sandbox.names() == {"other"}
    assert sandbox.files() == {"one.txt": "a", "other.txt": "a"}
    assert "delete kept" not in sandbox.effects


def test_ignored_changes_keep_what_was_there(sandbox: Sandbox) -> None:
    """An input named by `ignore_changes` is not updated."""
    sandbox.up(one=file(content="a"))

    result = sandbox.up(one=file(content="b", ignore_changes=["content"]))

    assert result.changes["update"] == 0
    assert sandbox.files() == {"one.txt": "a"}


def test_replace_on_changes_replaces_what_the_provider_would_update(sandbox: Sandbox) -> None:
    """The option names the input."""
    sandbox.up(one=file(content="a"))
    sandbox.forget_effects()

    result = sandbox.up(one=file(content="b", replace_on_changes=["content"]))

    assert result.changes["replace"] == 1
    assert sandbox.effects == ["delete one", "create one"]


def test_an_alias_finds_the_resource_under_its_old_name(sandbox: Sandbox) -> None:
    """A renamed resource is neither created nor deleted, and what refers to it follows."""
    sandbox.up(old=file(), user=file("user.txt", {"ref": ["old", "path"]}))
    sandbox.forget_effects()

    result = sandbox.up(new=file(aliases=[{"name": "old"}]), user=file("user.txt", {"ref": ["new", "path"]}))

    assert result.changes == {"create": 0, "update": 0, "replace": 0, "delete": 0, "same": 3}
    assert sandbox.effects == []
    assert sandbox.names() == {"new", "user"}
    assert sandbox.resource("user")["dependencies"] == ["urn:pulumi:dev::demo::fixture:index:File::new"]


def test_an_alias_to_another_parent(sandbox: Sandbox) -> None:
    """A resource that moves into a component stays the same one."""
    sandbox.up(one=file())

    result = sandbox.up(
        group=asked("Component", {"answer": 42}),
        one=file(parent="group", aliases=[{"parent": None}]),
    )

    urn = "urn:pulumi:dev::demo::fixture:index:Component$fixture:index:File::one"
    assert (sandbox.resource("one")["urn"], sandbox.effects) == (urn, ["create one"])
    assert sandbox.resource("one")["parent"] == sandbox.resource("group")["urn"]
    assert sandbox.resource("group")["outputs"] == {"answer": 42}
    assert result.changes["create"] == 1


def test_custom_timeouts_reach_the_provider_and_the_state(sandbox: Sandbox) -> None:
    """They are recorded in seconds, as Pulumi does."""
    sandbox.up(one=file(custom_timeouts={"create": "1m30s", "delete": "10s"}))

    assert sandbox.resource("one")["customTimeouts"] == {"create": 90.0, "delete": 10.0}


def test_additional_secret_outputs_are_secret_in_state_and_for_others(sandbox: Sandbox) -> None:
    """Though the provider returns them in plain text, then and when it reads them again."""
    resources = {
        "one": file(additional_secret_outputs=["size"]),
        "size": asked("Export", {"value": {"ref": ["one", "size"]}}),
    }
    for _ in range(2):
        result = sandbox.up(**resources)

        assert repr(result.outputs) == "{'size': [secret]}"
        assert set(sandbox.resource("one")["outputs"]["size"]) == {"4dabf18193072939515e22adb298388d", "ciphertext"}


def test_what_goes_with_another_is_not_deleted_by_itself(sandbox: Sandbox) -> None:
    """`deleted_with` spares the call when the other is deleted too."""
    sandbox.up(holder=file("holder.txt"), held=file("held.txt", deleted_with="holder"))
    sandbox.forget_effects()

    sandbox.destroy()

    assert sandbox.effects == ["delete holder"]
    assert sandbox.resources == []


def test_a_provider_of_the_program_serves_its_resources(sandbox: Sandbox) -> None:
    """It is configured with its own inputs, recorded, and used again to delete."""
    sandbox.up(
        polite=asked("Provider", {"greeting": "good day"}),
        mine=file("mine.txt", provider="polite"),
        others=file("others.txt"),
    )

    polite = sandbox.resource("polite")
    assert polite["inputs"] == {"greeting": "good day"}
    assert sandbox.resource("mine")["provider"] == f"{polite['urn']}::{polite['id']}"
    assert sandbox.resource("mine")["outputs"]["greeting"] == "good day"
    assert sandbox.resource("others")["outputs"]["greeting"] == ""
    assert sandbox.up().changes["same"] == 4
    sandbox.destroy()
    assert (sandbox.files(), sandbox.resources, sandbox.plugins()) == ({}, [], [])


def test_a_provider_that_refuses_its_configuration_is_one_error(sandbox: Sandbox) -> None:
    """The provider's words, with its URN."""
    with pytest.raises(ResourceError) as caught:
        sandbox.up(rude=asked("Provider", {"greeting": "refuse"}), mine=file(provider="rude"))

    urn = "urn:pulumi:dev::demo::pulumi:providers:fixture::rude"
    assert str(caught.value) == f"{urn}: Configure failed: this greeting is refused"


def test_import_takes_over_what_exists(sandbox: Sandbox) -> None:
    """What is there under the id is adopted, not created."""
    (sandbox.root / "there.txt").write_text("a")

    sandbox.up(one=file("there.txt", import_="there.txt"))

    assert sandbox.effects == []
    assert sandbox.resource("one")["id"] == "there.txt"


def test_import_of_nothing_is_an_error(sandbox: Sandbox) -> None:
    """It names the id."""
    with pytest.raises(ResourceError, match=r"there is nothing to import under the id 'gone\.txt'"):
        sandbox.up(one=file("gone.txt", import_="gone.txt"))


def test_options_that_this_engine_does_not_know_are_refused_before_anything_changes(sandbox: Sandbox) -> None:
    """By name, as types are."""
    with pytest.raises(Refused, match="the option replacement_trigger is one that this engine does not know"):
        sandbox.up(first=file("first.txt"), one=file(replacement_trigger="1"))

    assert sandbox.files() == {}


@pytest.mark.parametrize(
    ("duration", "expected"), [("90s", 90), ("1h1m1s", 3661), ("1.5m", 90), ("250ms", 0.25), (".5s", 0.5)]
)
def test_durations(duration: str, expected: float) -> None:
    """Go's way of writing them."""
    assert seconds(duration, subject="x") == expected


@pytest.mark.parametrize("duration", ["", "10", "m", "10 s", "-1s", "1d"])
def test_what_is_no_duration(duration: str) -> None:
    """The value and the way to write it."""
    with pytest.raises(ConfigurationError, match="is no duration"):
        seconds(duration, subject="x")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a", ("a",)),
        ("a.b[0].c", ("a", "b", 0, "c")),
        ('a["b.c"]', ("a", "b.c")),
        ("[*]", ("*",)),
        ("a[*]", ("a", "*")),
    ],
)
def test_property_paths(path: str, expected: tuple[str | int, ...]) -> None:
    """Keys, quoted keys, indices and the wildcard."""
    assert steps(path) == expected


@pytest.mark.parametrize(
    ("new", "old", "ignored", "expected"),
    [
        ({"a": 1, "b": 2}, {"a": 0, "b": 0}, ["a"], {"a": 0, "b": 2}),
        ({"a": 1}, {}, ["a"], {}),
        ({}, {"a": 0}, ["a"], {"a": 0}),
        ({"a": {"b": 1, "c": 1}}, {"a": {"b": 0}}, ["a.b"], {"a": {"b": 0, "c": 1}}),
        ({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 0}]}, ["a[0].b"], {"a": [{"b": 0}, {"b": 2}]}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"x": 0, "y": 0}}, ["a[*]"], {"a": {"x": 0, "y": 0}}),
        ({"a": 1}, {"b": 1}, ["*"], {"b": 1}),
    ],
)
def test_ignored_paths(new: Any, old: Any, ignored: list[str], expected: Any) -> None:
    """Each ignored path is as it was, absent where it was absent; everything else is new."""
    assert without_ignored(new, old, ignored) == expected


def test_which_changes_replace() -> None:
    """A rule speaks of a path, of what is inside it, and of what holds it."""
    assert touched(["a.b", "c", "d[0]"], ["a"]) == ("a.b",)
    assert touched(["a", "c"], ["a.b"]) == ("a",)
    assert touched(["a", "c"], ["*"]) == ("a", "c")
