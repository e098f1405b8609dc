"""Targeted runs touch what they name and leave the rest as it is recorded."""

from __future__ import annotations

from typing import Any

import pytest
from engine.apply.sandbox import Sandbox, asked
from hybridml.engine.selection import Targets
from hybridml.errors import ConfigurationError, Refused, ResourceError

URN = "urn:pulumi:dev::demo::fixture:index:"
pytestmark = pytest.mark.usefixtures("quick_keys")


def file(content: Any = "a", path: str = "", **options: Any) -> list[Any]:
    return asked("File", {"content": content, **({"path": path} if path else {})}, **options)


def pair(content: str) -> dict[str, list[Any]]:
    """A base, one that depends on it, and one that does not."""
    return {
        "base": file(content, "base.txt"),
        "user": file({"ref": ["base", "content"]}, "user.txt"),
        "alone": file(content, "alone.txt"),
        "shown": asked("Export", {"value": {"ref": ["alone", "content"]}}),
    }


def test_only_the_target_is_updated(sandbox: Sandbox) -> None:
    """Everything else keeps its entry as it is, and the outputs follow what really is."""
    sandbox.up(**pair("one"))
    before = {name: sandbox.resource(name) for name in ("user", "alone")}
    sandbox.forget_effects()
    sandbox.ask(**pair("two"))

    done = sandbox.up_only("base")

    assert sandbox.effects == ["update base"]
    assert {name: sandbox.resource(name) for name in before} == before
    assert done.outputs == {"shown": "one"}
    assert done.changes == {"create": 0, "update": 1, "replace": 0, "delete": 0, "same": 3}


def test_dependents_follow_when_they_are_asked_for(sandbox: Sandbox) -> None:
    """`dependents` adds what depends on the target, and what depends on that."""
    sandbox.up(**pair("one"))
    sandbox.forget_effects()
    sandbox.ask(**pair("two"))

    sandbox.up_only("base", dependents=True)

    assert sandbox.effects == ["update base", "update user"]


def test_what_does_not_exist_is_not_made(sandbox: Sandbox) -> None:
    """A new resource that is not targeted is neither created nor recorded; an output that needs it is left out."""
    sandbox.ask(**pair("one"))

    done = sandbox.up_only(f"{URN}File::base")

    assert (sandbox.effects, sandbox.names()) == (["create base"], {"base"})
    assert done.outputs == {}
    assert sandbox.up().changes["create"] == 2


def test_a_target_that_needs_what_does_not_exist_is_refused_by_name(sandbox: Sandbox) -> None:
    """Before anything is changed, with what to add."""
    sandbox.ask(**pair("one"))

    with pytest.raises(ConfigurationError) as caught:
        sandbox.up_only("user", "alone")

    needs = f"{URN}File::user needs {URN}File::base, which does not exist yet and is not targeted"
    assert str(caught.value) == f"--target: {needs} (add --target '{URN}File::base')"
    assert sandbox.files() == {}


def test_a_parent_that_does_not_exist_is_refused_by_name(sandbox: Sandbox) -> None:
    """Components are resources like others here."""
    sandbox.ask(group=asked("Component"), member=file("a", "a.txt", parent="group"))

    with pytest.raises(ConfigurationError, match=r"needs .*::group, which does not exist yet"):
        sandbox.up_only("member")

    assert sandbox.up_only("group", "member").changes["create"] == 3


def test_what_is_not_asked_for_any_more_stays_unless_it_is_targeted(sandbox: Sandbox) -> None:
    """A targeted run deletes only targets."""
    sandbox.up(**pair("one"), extra=file("x", "extra.txt"), other=file("x", "other.txt"))
    sandbox.forget_effects()
    sandbox.ask(**pair("one"))

    sandbox.up_only("extra")

    assert sandbox.effects == ["delete extra"]
    assert "other" in sandbox.names()


def test_what_something_else_needs_is_not_deleted(sandbox: Sandbox) -> None:
    """Neither by an `up` nor by a `destroy` that name it alone; with its dependents both go."""
    sandbox.up(**pair("one"))
    sandbox.ask(alone=file("one", "alone.txt"))

    for run in (sandbox.up_only, sandbox.destroy):
        with pytest.raises(ConfigurationError) as caught:
            run("base")
        problem = f"{URN}File::base would be deleted, and {URN}File::user, which is not targeted, needs it"
        assert str(caught.value) == f"--target: {problem} (add --target-dependents)"
    sandbox.forget_effects()

    sandbox.destroy("base", dependents=True)

    assert sandbox.effects == ["delete user", "delete base"]
    assert sandbox.names() == {"alone"}


def test_destroy_of_a_target_spares_what_it_needs(sandbox: Sandbox) -> None:
    """Nothing else is deleted, and the provider stays for those that use it."""
    sandbox.up(**pair("one"))
    sandbox.forget_effects()

    done = sandbox.destroy("user")

    assert sandbox.effects == ["delete user"]
    assert done.changes["delete"] == 1
    assert sandbox.up().changes == {"create": 1, "update": 0, "replace": 0, "delete": 0, "same": 3}


def test_protected_and_retained_resources_are_respected(sandbox: Sandbox) -> None:
    """A protected target is refused, one elsewhere does not matter; a retained one leaves the state only."""
    sandbox.up(kept=file("a", "kept.txt", protect=True), left=file("a", "left.txt", retain_on_delete=True))

    with pytest.raises(ResourceError, match="Protected resources would be deleted"):
        sandbox.destroy("kept")
    sandbox.destroy("left")

    assert sandbox.names() == {"kept"}
    assert set(sandbox.files()) == {"kept.txt", "left.txt"}


def test_an_unknown_target_is_one_error_with_the_nearest_names(sandbox: Sandbox) -> None:
    """All of them at once, names for names and URNs for URNs."""
    sandbox.up(**pair("one"))

    with pytest.raises(ConfigurationError) as caught:
        sandbox.up_only("bsae", f"{URN}File::alon", "user")

    assert [problem.message for problem in caught.value.problems] == [
        "'bsae' names no resource of this stack",
        f"'{URN}File::alon' names no resource of this stack",
    ]
    assert caught.value.problems[0].fix.startswith("the nearest are: base")
    assert caught.value.problems[1].fix.startswith(f"the nearest are: {URN}File::alone")


def test_the_program_may_use_outputs_of_what_is_passed_over(sandbox: Sandbox) -> None:
    """What is computed from the outputs of a resource that does not exist is unknown, and its code is not called."""
    (sandbox.root / "__main__.py").write_text(
        "import pulumi\n"
        "def made(name, **given):\n"
        "    return pulumi.CustomResource('fixture:index:File', name, {'path': None, 'size': None, **given})\n"
        "new = made('new', content='x')\n"
        "made('later', content=new.size.apply(lambda size: 'x' * int(size)))\n"
        "made('base', content='a', path='base.txt')\n"
        "pulumi.export('length', new.size.apply(lambda size: size + 1))\n"
    )

    done = sandbox.up_only("base")

    assert (sandbox.effects, done.outputs) == (["create base"], {})
    assert sandbox.up().outputs == {"length": 2}


def test_types_of_no_plugin_do_not_matter_where_they_are_not_targeted(sandbox: Sandbox) -> None:
    """Only what a run is to touch must be something that this engine can apply."""
    sandbox.ask(bucket=asked("aws:s3/bucket:Bucket"), base=file("a", "base.txt"))

    sandbox.up_only("base")

    assert sandbox.files() == {"base.txt": "a"}
    with pytest.raises(Refused, match="aws:s3/bucket:Bucket"):
        sandbox.up_only("bucket")


def test_a_renamed_resource_that_is_not_targeted_keeps_its_name(sandbox: Sandbox) -> None:
    """What is targeted and depends on it names it as it is recorded; the next whole `up` renames it."""
    sandbox.up(old=file("a", "old.txt"))
    sandbox.ask(new=file("a", "old.txt", aliases=[{"name": "old"}]), user=file({"ref": ["new", "content"]}, "user.txt"))

    sandbox.up_only("user")

    assert sandbox.names() == {"old", "user"}
    assert sandbox.resource("user")["dependencies"] == [f"{URN}File::old"]
    assert sandbox.up().changes["same"] == 3
    assert sandbox.resource("user")["dependencies"] == [f"{URN}File::new"]


def test_a_replacement_that_would_take_others_along_is_refused(sandbox: Sandbox) -> None:
    """What cannot outlive the target is named, and nothing is deleted."""

    def ask(path: str) -> dict[str, list[Any]]:
        bound = {"tag": sandbox.tag("bound"), "version": "1", "after": {"ref": ["base", "path"]}}
        return {"base": file("a", path), "bound": asked("Process", bound)}

    sandbox.up(**ask("old.txt"))
    sandbox.ask(**ask("new.txt"))

    with pytest.raises(ResourceError, match=r"base cannot be replaced without .*::bound, not targeted"):
        sandbox.up_only("base")
    assert set(sandbox.files()) == {"old.txt"}

    assert sandbox.up_only("base", dependents=True).changes["replace"] == 2


def test_what_a_killed_run_left_elsewhere_stays_pending(sandbox: Sandbox) -> None:
    """A targeted run neither finishes nor forgets it."""
    sandbox.ask(only=file("a", "only.txt"))
    assert sandbox.killed("up", "after", 1)
    sandbox.ask(only=file("a", "only.txt"), other=file("a", "other.txt"))

    sandbox.up_only("other")

    assert sandbox.effects == ["create other"]
    assert [each["type"] for each in sandbox.state["deployment"]["pending_operations"]] == ["creating"]
    sandbox.up()
    assert set(sandbox.files()) == {"only.txt", "other.txt"}
    assert sandbox.state["deployment"]["pending_operations"] == []


def test_a_provider_of_the_program_is_part_of_every_run(sandbox: Sandbox) -> None:
    """It is configured, and recorded, though it is not named."""
    sandbox.ask(polite=asked("Provider", {"greeting": "good day"}), mine=file("a", "mine.txt", provider="polite"))

    sandbox.up_only("mine")

    assert sandbox.resource("mine")["outputs"]["greeting"] == "good day"


def test_drift_elsewhere_is_left_alone(sandbox: Sandbox) -> None:
    """Neither looked at nor mended."""
    sandbox.up(**pair("one"))
    (sandbox.root / "alone.txt").write_text("by hand")
    (sandbox.root / "user.txt").unlink()
    sandbox.ask(**pair("two"))

    done = sandbox.up_only("base")

    assert done.drift == ()
    assert sandbox.files() == {"alone.txt": "by hand", "base.txt": "two"}


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("one", "one,one"),
        (f"{URN}File::one", "one"),
        (f"{URN}*::one", "one"),
        ("**::one", "one,one"),
        ("**File**", "one,two.x,three"),
        ("urn:pulumi:dev::*::File::one", ""),
        ("t*", "two.x,three"),
        ("*.x", "two.x"),
        ("o.e", ""),
    ],
)
def test_patterns(pattern: str, matches: str) -> None:
    """Pulumi's wildcards over URNs, and over names where there is no `::`."""
    child = "urn:pulumi:dev::demo::fixture:index:Component$fixture:index:Process::one"
    urns = [f"{URN}File::one", child, f"{URN}File::two.x", f"{URN}File::three"]

    found = _among(pattern, urns)

    assert sorted(urn.rpartition("::")[2] for urn in found) == sorted(filter(None, matches.split(",")))


def _among(pattern: str, urns: list[str]) -> frozenset[str]:
    try:
        return Targets(patterns=(pattern,)).among(urns)
    except ConfigurationError:
        return frozenset()


def test_many_wildcards_take_no_time() -> None:
    """A pattern of forty stars that fits nothing is refused at once."""
    urn = f"urn:pulumi:dev::demo::fixture:index:File::{'a' * 60}"

    for pattern in ("a*" * 40 + "b", "*" * 25 + "b"):
        with pytest.raises(ConfigurationError, match="names no resource"):
            Targets(patterns=(pattern,)).among([urn])
