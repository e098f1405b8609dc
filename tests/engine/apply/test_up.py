"""`up` makes true what a program asks for, and `destroy` takes it away."""

import json
import os
import stat
import time
from pathlib import Path

import pytest
from engine.apply.sandbox import PLUGIN, Sandbox, asked
from hybridml.engine.apply_events import StepFinished, StepStarted
from hybridml.engine.drift import Difference
from hybridml.errors import ProgramError, Refused, ResourceError, StateError


def chain(sandbox: Sandbox, *, version: str = "1", content: str = "one") -> dict[str, list[object]]:
    """A file, a process, and a file that says where the process is."""
    return {
        "first": asked("File", {"path": "first.txt", "content": content}),
        "server": asked("Process", {"tag": sandbox.tag("server"), "version": version}),
        "second": asked("File", {"path": "second.txt", "content": {"ref": ["server", "where"]}}),
        "address": asked("Export", {"value": {"ref": ["server", "where"]}}),
    }


def test_up_creates_what_is_asked_for_and_exports_real_outputs(sandbox: Sandbox) -> None:
    """Each resource is created with the real outputs of those it needs."""
    result = sandbox.up(**chain(sandbox))

    where = f"here:{sandbox.tag('server')}-1"
    assert result.changes == {"create": 4, "update": 0, "replace": 0, "delete": 0, "same": 0}
    assert result.outputs == {"address": where}
    assert sandbox.files() == {"first.txt": "one", "second.txt": where}
    assert list(sandbox.processes().values()) == [f"{sandbox.tag('server')}-1"]
    assert sandbox.resource("second")["dependencies"] == [sandbox.resource("server")["urn"]]
    assert sandbox.resource("second")["propertyDependencies"]["content"] == [sandbox.resource("server")["urn"]]
    assert sandbox.plugins() == []


def test_second_up_changes_nothing(sandbox: Sandbox) -> None:
    """Without changes nothing is created, updated or written, in well under five seconds."""
    sandbox.up(**chain(sandbox))
    before, effects = sandbox.state, sandbox.effects

    began = time.monotonic()
    result = sandbox.up()

    assert result.changes == {"create": 0, "update": 0, "replace": 0, "delete": 0, "same": 4}
    assert time.monotonic() - began < 5
    assert sandbox.state == before
    assert sandbox.effects == effects


def test_update_in_place(sandbox: Sandbox) -> None:
    """A changed input that replaces nothing is updated where it is."""
    sandbox.up(**chain(sandbox))
    sandbox.forget_effects()

    result = sandbox.up(**chain(sandbox, content="two"))

    assert result.changes == {"create": 0, "update": 1, "replace": 0, "delete": 0, "same": 3}
    assert sandbox.effects == ["update first"]
    assert sandbox.files()["first.txt"] == "two"


def test_a_component_with_other_inputs_is_updated(sandbox: Sandbox) -> None:
    """As in Pulumi, which records the inputs of components too."""
    program = "import pulumi\npulumi.ComponentResource('mine:index:Group', 'group', {{'label': {!r}}})\n"
    for label, change in (("one", "create"), ("one", "same"), ("two", "update")):
        (sandbox.root / "__main__.py").write_text(program.format(label))
        changes = sandbox.up().changes
        assert changes[change] == (2 if change != "update" else 1), label
    assert sandbox.resources[-1]["inputs"] == {"label": "two"}


def test_replacement_creates_before_it_deletes(sandbox: Sandbox) -> None:
    """The new process runs, and what depends on it is updated, before the old one goes."""
    sandbox.up(**chain(sandbox))
    sandbox.forget_effects()

    result = sandbox.up(**chain(sandbox, version="2"))

    assert result.changes == {"create": 0, "update": 1, "replace": 1, "delete": 0, "same": 2}
    assert sandbox.effects == ["create server", "update second", "delete server"]
    assert list(sandbox.processes().values()) == [f"{sandbox.tag('server')}-2"]
    assert len(sandbox.resources) == 5


def test_replacement_deletes_first_where_the_provider_says_so(sandbox: Sandbox) -> None:
    """A resource that cannot exist twice goes before its successor comes."""
    sandbox.up(only=asked("File", {"path": "old.txt", "content": "x"}))
    sandbox.forget_effects()

    result = sandbox.up(only=asked("File", {"path": "new.txt", "content": "x"}))

    assert result.changes["replace"] == 1
    assert sandbox.effects == ["delete only", "create only"]
    assert sandbox.files() == {"new.txt": "x"}


def test_the_option_overrides_what_the_provider_says(sandbox: Sandbox) -> None:
    """`delete_before_replace` decides, either way."""
    sandbox.up(only=asked("File", {"path": "old.txt"}))
    sandbox.forget_effects()

    sandbox.up(only=asked("File", {"path": "new.txt"}, delete_before_replace=False))

    assert sandbox.effects == ["create only", "delete only"]


def test_dependents_that_cannot_outlive_a_resource_go_before_it(sandbox: Sandbox) -> None:
    """Deleting first takes along the dependents that would be replaced, last one first, and leaves the others."""

    def ask(path: str) -> dict[str, list[object]]:
        return {
            "base": asked("File", {"path": path}),
            "bound": asked("File", {"path": {"ref": ["base", "size"]}}),
            "loose": asked("File", {"path": "loose.txt", "content": {"ref": ["base", "path"]}}),
        }

    sandbox.up(base=asked("File", {"path": "old.txt"}))
    sandbox.up(**{**ask("old.txt"), "bound": asked("Process", bound(sandbox))})
    sandbox.forget_effects()

    result = sandbox.up(**{**ask("new.txt"), "bound": asked("Process", bound(sandbox))})

    assert sandbox.effects[:3] == ["delete bound", "delete base", "create base"]
    assert sorted(sandbox.effects[3:]) == ["create bound", "update loose"]
    assert result.changes == {"create": 0, "update": 1, "replace": 2, "delete": 0, "same": 1}


def bound(sandbox: Sandbox) -> dict[str, object]:
    """A process that is replaced when the path it was started after changes."""
    return {"tag": sandbox.tag("bound"), "version": "1", "after": {"ref": ["base", "path"]}}


def test_what_is_not_asked_for_any_more_is_deleted_dependents_first(sandbox: Sandbox) -> None:
    """Deletes run at the end, in reverse order of need."""
    sandbox.up(**chain(sandbox))
    sandbox.forget_effects()

    result = sandbox.up(first=asked("File", {"path": "first.txt", "content": "one"}))

    assert sandbox.effects == ["delete second", "delete server"]
    assert result.changes == {"create": 0, "update": 0, "replace": 0, "delete": 2, "same": 2}
    assert sandbox.names() == {"first"}
    assert sandbox.processes() == {}


def test_destroy_deletes_everything_in_reverse(sandbox: Sandbox) -> None:
    """Nothing is left, neither of the resources nor in the state."""
    sandbox.up(**chain(sandbox))
    sandbox.forget_effects()

    result = sandbox.destroy()

    assert result.changes == {"create": 0, "update": 0, "replace": 0, "delete": 4, "same": 0}
    assert sandbox.effects.index("delete second") < sandbox.effects.index("delete server")
    assert (sandbox.files(), sandbox.processes(), sandbox.resources) == ({}, {}, [])


def test_what_needs_each_other_in_a_circle_is_not_passed_over(sandbox: Sandbox) -> None:
    """A damaged state in which nothing can go first is an error, and not a destroy that left everything."""
    sandbox.up(a=asked("File", {"path": "a.txt"}), b=asked("File", {"path": "b.txt"}, depends_on=["a"]))
    state = sandbox.state
    entries = {entry["urn"]: entry for entry in state["deployment"]["resources"]}
    first, second = (next(urn for urn in entries if urn.endswith(f"::{name}")) for name in "ab")
    entries[first]["dependencies"] = [second]
    (sandbox.directory / "state.json").write_text(json.dumps(state))

    with pytest.raises(StateError, match="these need each other in a circle"):
        sandbox.destroy()


def test_destroy_needs_neither_program_nor_configuration(sandbox: Sandbox) -> None:
    """What was made can be taken away though the project is broken by now; providers are configured as recorded."""
    (sandbox.root / "Pulumi.dev.yaml").write_text("config:\n  fixture:greeting: hello\n")
    sandbox.up(**chain(sandbox))
    assert sandbox.resource("first")["outputs"]["greeting"] == "hello"
    (sandbox.root / "Pulumi.dev.yaml").write_text("config: [\n")
    (sandbox.root / "__main__.py").write_text("no program\n")

    sandbox.destroy()

    assert (sandbox.files(), sandbox.processes(), sandbox.resources) == ({}, {}, [])


def test_a_missing_file_and_a_dead_process_are_made_anew(sandbox: Sandbox) -> None:
    """What died or vanished since the last run is created again, what was changed is put right."""
    sandbox.up(**chain(sandbox))
    (pid,) = sandbox.processes()
    os.kill(pid, 9)
    (sandbox.root / "first.txt").write_text("changed by hand")
    (sandbox.root / "second.txt").unlink()
    sandbox.forget_effects()

    sandbox.up()

    assert sorted(sandbox.effects) == ["create second", "create server", "update first"]
    assert sandbox.files() == {"first.txt": "one", "second.txt": f"here:{sandbox.tag('server')}-1"}
    assert len(sandbox.processes()) == 1


def test_independent_resources_are_created_at_once(sandbox: Sandbox) -> None:
    """Twenty resources of half a second each take far less than ten seconds."""
    began = time.monotonic()

    sandbox.up(**{f"r{n}": asked("Fault", {"slow": 0.5}) for n in range(20)})

    assert time.monotonic() - began < 5


def test_a_failure_lets_others_end_and_deletes_nothing(sandbox: Sandbox) -> None:
    """What is under way ends and is recorded, nothing new begins, nothing is deleted, every failure is named."""
    sandbox.up(old=asked("File", {"path": "old.txt"}))
    sandbox.forget_effects()

    with pytest.raises(ResourceError) as caught:
        sandbox.up(
            bad=asked("Fault", {"fail": "create", "word": "bad", "slow": 0.2}),
            worse=asked("Fault", {"fail": "create", "word": "worse", "slow": 0.4}),
            slow=asked("Fault", {"slow": 0.6}),
            after=asked("Fault", {"word": {"ref": ["slow", "greeting"]}}),
        )

    urn = "urn:pulumi:dev::demo::fixture:index:Fault::"
    assert str(caught.value) == (
        f"2 steps failed:\n{urn}bad: Create failed: cannot create with bad\n"
        f"{urn}worse: Create failed: cannot create with worse"
    )
    assert sandbox.effects == ["create slow"]
    assert sandbox.names() == {"old", "slow"}
    assert sandbox.files() == {"old.txt": ""}


def test_the_next_run_goes_on_after_a_failure(sandbox: Sandbox) -> None:
    """Once the cause is gone, `up` ends where an undisturbed one would have."""
    with pytest.raises(ResourceError):
        sandbox.up(good=asked("Fault", {}), bad=asked("Fault", {"fail": "create"}))

    result = sandbox.up(good=asked("Fault", {}), bad=asked("Fault", {}))

    assert result.changes["create"] + result.changes["same"] == 3
    assert sandbox.names() == {"good", "bad"}


def test_a_half_made_resource_is_recorded_and_updated_next_time(sandbox: Sandbox) -> None:
    """What exists but does not work stays in the state with the reason; the next run tries again."""
    with pytest.raises(ResourceError, match="never healthy"):
        sandbox.up(ill=asked("Fault", {"half": "create"}))
    assert sandbox.resource("ill")["initErrors"] == ["never healthy"]
    assert sandbox.resource("ill")["id"] == "half"

    result = sandbox.up(ill=asked("Fault", {"half": "create"}))

    assert result.changes["update"] == 1
    assert "initErrors" not in sandbox.resource("ill")


def test_a_plugin_that_dies_is_one_error_and_the_step_is_done_again(sandbox: Sandbox) -> None:
    """The message names the resource and the log; the state keeps the step as pending."""
    with pytest.raises(ResourceError) as caught:
        sandbox.up(lost=asked("Fault", {"die": "create"}))

    assert str(caught.value).startswith(
        "urn:pulumi:dev::demo::fixture:index:Fault::lost: plugin fixture did not answer Create"
    )
    assert "It ended with status -9. Its log is" in str(caught.value)
    (pending,) = sandbox.state["deployment"]["pending_operations"]
    assert (pending["type"], pending["resource"]["inputs"]) == ("creating", {"die": "create"})


def test_a_plugin_that_does_not_start_is_one_error_with_the_end_of_its_log(sandbox: Sandbox) -> None:
    """Instead of a port, the last lines of its standard error are shown."""
    broken = sandbox.root / "broken"
    broken.mkdir()
    (broken / "PulumiPlugin.yaml").write_text("runtime: python\n")
    (broken / "__main__.py").write_text("raise SystemExit('no licence')\n")
    project = sandbox.root / "Pulumi.yaml"
    project.write_text(project.read_text().replace(str(PLUGIN), "broken"))

    with pytest.raises(ResourceError) as caught:
        sandbox.up(one=asked("Fault"))

    assert str(caught.value).startswith("Plugin fixture did not start: it said '', no port. Its log is")
    assert str(caught.value).endswith("It ends with:\nno licence")


def test_checks_that_fail_are_reported_by_property(sandbox: Sandbox) -> None:
    """The provider's own words, with the property."""
    with pytest.raises(ResourceError) as caught:
        sandbox.up(bad=asked("Fault", {"fail": "check"}))

    assert str(caught.value) == "urn:pulumi:dev::demo::fixture:index:Fault::bad: fail: must not be check"
    assert sandbox.names() == set()


def test_types_of_no_plugin_are_refused_by_name_before_anything_changes(sandbox: Sandbox) -> None:
    """All of them, with how to go on; what could be applied is not."""
    with pytest.raises(Refused) as caught:
        sandbox.up(
            ours=asked("File", {"path": "ours.txt"}),
            bucket=asked("aws:s3/bucket:Bucket"),
            dynamic=asked("pulumi-python:dynamic:Resource"),
        )

    assert str(caught.value).splitlines()[:3] == [
        "The embedded engine cannot apply these resources:",
        "  urn:pulumi:dev::demo::aws:s3/bucket:Bucket::bucket: "
        "aws:s3/bucket:Bucket is served by no plugin on this machine",
        "  urn:pulumi:dev::demo::pulumi-python:dynamic:Resource::dynamic: "
        "pulumi-python:dynamic:Resource is served by no plugin on this machine",
    ]
    assert "Install the Pulumi CLI" in str(caught.value)
    assert (sandbox.files(), sandbox.effects) == ({}, [])


def test_a_program_that_raises_leaves_everything_as_it_was(sandbox: Sandbox) -> None:
    """It is planned first, so nothing is deleted or created."""
    sandbox.up(**chain(sandbox))
    before = sandbox.state

    with pytest.raises(ProgramError, match="no such thing"):
        sandbox.up(broken=asked("Raise", {"text": "no such thing"}))

    assert sandbox.state == before
    assert len(sandbox.processes()) == 1


def test_a_program_that_departs_from_its_plan_is_stopped(sandbox: Sandbox) -> None:
    """An input that differs between the two runs, though it was known, ends the run before it is applied."""
    program = sandbox.root / "__main__.py"
    program.write_text(
        "import time, pulumi\n"
        "pulumi.CustomResource('fixture:index:File', 'odd', {'path': 'odd.txt', 'content': str(time.monotonic())})\n"
    )

    with pytest.raises(ProgramError) as caught:
        sandbox.up()

    assert "urn:pulumi:dev::demo::fixture:index:File::odd asks for another content" in str(caught.value)
    assert sandbox.files() == {}


def test_a_resource_that_was_not_planned_stops_the_run(sandbox: Sandbox) -> None:
    """One that a second run would call differently is not created."""
    (sandbox.root / "__main__.py").write_text(
        "import time, pulumi\npulumi.CustomResource('fixture:index:Fault', f'odd-{time.monotonic()}', {})\n"
    )

    with pytest.raises(ProgramError, match="is not in the plan"):
        sandbox.up()

    assert sandbox.effects == []


def test_a_resource_that_was_planned_and_is_not_asked_for_stops_the_run_before_deletes(sandbox: Sandbox) -> None:
    """What it would have left unasked for is not deleted."""
    sandbox.up(kept=asked("File", {"path": "kept.txt"}))
    (sandbox.root / "__main__.py").write_text(
        "import pulumi\nif pulumi.runtime.is_dry_run():\n    pulumi.CustomResource('fixture:index:Fault', 'odd', {})\n"
    )

    with pytest.raises(ProgramError, match="odd was planned and not asked for"):
        sandbox.up()

    assert sandbox.files() == {"kept.txt": ""}


def test_a_function_of_a_plugin_answers_and_one_of_none_is_refused(sandbox: Sandbox) -> None:
    """With the provider's result, or with its name and how to go on."""
    program = sandbox.root / "__main__.py"
    call = "import pulumi\npulumi.export('said', pulumi.runtime.invoke('{}', {{'text': 'x'}}).value)\n"
    program.write_text(call.format("fixture:index:echo"))
    assert sandbox.up().outputs["said"]["text"] == "x"

    program.write_text(call.format("aws:index/getRegion:getRegion"))
    with pytest.raises(Refused, match="getRegion is a function that no plugin on this machine serves"):
        sandbox.up()


def test_progress_says_what_begins_and_ends_and_why(sandbox: Sandbox) -> None:
    """Steps carry URN, operation, changed inputs, old and new, and seconds."""
    sandbox.up(one=asked("File", {"path": "one.txt", "content": "a"}))

    sandbox.up(one=asked("File", {"path": "one.txt", "content": "b"}))

    urn = "urn:pulumi:dev::demo::fixture:index:File::one"
    started, finished = [e for e in sandbox.events if isinstance(e, StepStarted | StepFinished)]
    changed = Difference(path="content", before="a", after="b")
    assert isinstance(started, StepStarted)
    assert (started.urn, started.operation, started.reasons) == (urn, "update", ("content",))
    assert started.properties == (changed,)
    assert isinstance(finished, StepFinished)
    assert (finished.urn, finished.operation, finished.error) == (urn, "update", "")
    assert 0 < finished.seconds < 5


def test_what_the_engine_keeps_is_for_its_owner_alone(sandbox: Sandbox) -> None:
    """Every file in the state folder has mode 0600, the folder 0700."""
    sandbox.up(**chain(sandbox))

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in sandbox.directory.rglob("*") if path.is_file()}
    assert set(modes) >= {"state.json", "passphrase", "lock", "plugin-fixture.log"}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(Path(sandbox.directory).stat().st_mode) == 0o700
