"""Projects and their configuration are read as Pulumi reads them, and everything wrong is said at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hybridml.engine.plan import Plan
from hybridml.engine.program import plan
from hybridml.engine.project import load_project, stack_config
from hybridml.errors import ConfigurationError, ProgramError

from .conftest import PROGRAMS

Write = Callable[..., Path]


def test_a_project_with_main_and_a_folder_of_stacks() -> None:
    """`main`, `stackConfigDir`, defaults, values and the stack file's values make the configuration."""
    project = load_project(PROGRAMS / "outside")

    assert (project.name, project.main.name, project.stacks()) == ("outside", "app", ("dev",))
    assert stack_config(project, "dev").values == {
        "aws:region": "eu-west-1",
        "outside:flags": '["a", "b"]',
        "outside:region": "north",
        "outside:size": "3",
    }


def test_a_program_finds_what_pulumi_gives_it(planned: Callable[..., Plan], capsys: pytest.CaptureFixture[str]) -> None:
    """Folder, project, stack, root, preview, variables and its own modules; what it prints goes to standard error."""
    made = planned("outside", environment={"OUTSIDE": "given"})

    assert made.outputs == {
        "folder": "app",
        "helper": "helper beside the program",
        "organization": "organization",
        "preview": True,
        "project": "outside",
        "root": "outside",
        "stack": "dev",
        "variable": "given",
    }
    assert capsys.readouterr() == ("", "said on standard output\n")


def test_all_missing_configuration_is_reported_at_once(planned: Callable[..., Plan]) -> None:
    """Every key that a program requires and nobody set is named, of whatever type and namespace."""
    with pytest.raises(ConfigurationError) as error:
        planned("required")

    assert [problem.path for problem in error.value.problems] == [
        "other:secret",
        "required:flag",
        "required:number",
        "required:text",
        "required:thing",
    ]


def test_declared_configuration_is_checked_before_the_program_runs(write: Write) -> None:
    """A declared key without a value and one with a wrong type are named with file and line."""
    settings = """
        config:
          size: {type: integer}
          where: {type: string}
          many: {type: array, default: []}
    """
    folder = write("raise AssertionError", settings=settings, stack="config:\n  size: large\n  many: one\n")

    with pytest.raises(ConfigurationError) as error:
        stack_config(load_project(folder), "dev")

    assert [(p.file, p.line, p.path) for p in error.value.problems] == [
        ("Pulumi.dev.yaml", 2, "written:size"),
        ("Pulumi.dev.yaml", 3, "written:many"),
        ("Pulumi.yaml", 6, "written:where"),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name: a", "'no runtime' is not a Python project"),
        ("name: a\nruntime: nodejs", "'nodejs' is not a Python project"),
        ("runtime: python", "Pulumi.yaml name: is missing"),
        ("name: a\nruntime: python\nmain: missing", "there is no program at missing"),
        ("name: [", "is not valid YAML"),
        ("- a", "is not a mapping"),
        ("name: a::b\nruntime: python", "Pulumi.yaml:1 name: 'a::b' is no name of a project"),
        ("name: [a]\nruntime: python", r"Pulumi.yaml:1 name: \['a'\] is no name of a project"),
        ("name: a\nruntime: {name: python, options: [x]}", "Pulumi.yaml:2 runtime.options: is not a mapping"),
        ("name: a\nruntime: python\nconfig: [x]", "Pulumi.yaml:3 config: is not a mapping"),
        ("name: a\nruntime: python\nplugins: [x]", "plugins.providers: is not a list of mappings"),
        ("name: a\nruntime: python\nplugins: {providers: [x]}", "plugins.providers: is not a list of mappings"),
        ("name: a\nruntime: python\nplugins: {providers: [{path: x}]}", "plugins.providers: is not a list of mappings"),
        ("name: a\nruntime: python\nx: !!int many", "Pulumi.yaml: is not valid YAML: invalid literal"),
        ("name: a\nruntime: python\nx: " + "[" * 3000, "is nested too deeply"),
    ],
)
def test_what_is_no_project_is_refused_by_reason(tmp_path: Path, content: str, said: str) -> None:
    """A broken project file ends in one message that says what is wrong with it."""
    (tmp_path / "Pulumi.yaml").write_text(content)
    (tmp_path / "__main__.py").touch()

    with pytest.raises(ConfigurationError, match=said):
        load_project(tmp_path)


def test_a_folder_without_a_project_is_refused(tmp_path: Path) -> None:
    """No Pulumi.yaml is said as such."""
    with pytest.raises(ConfigurationError, match=r"holds no Pulumi\.yaml"):
        load_project(tmp_path)


def test_an_unknown_stack_is_refused_with_the_known_ones(write: Write) -> None:
    """Where stacks have files, another stack is a mistake."""
    folder = write("", stack="config: {}\n")

    with pytest.raises(ConfigurationError, match=r"there is no stack 'prod' \(one of: dev\)"):
        plan(folder, "prod")


def test_configuration_that_is_no_mapping_is_refused(write: Write) -> None:
    """A stack file whose `config` is a list is named with the line."""
    folder = write("", stack="# of dev\nconfig: [a]\n")

    with pytest.raises(ConfigurationError, match=r"^Pulumi\.dev\.yaml:2 config: is not a mapping$"):
        plan(folder, "dev")


@pytest.mark.parametrize("stack", ["", "..", "../dev", "a/b", "a::b"])
def test_what_is_no_name_of_a_stack_is_refused(write: Write, stack: str) -> None:
    """A stack's name is part of URNs and of paths, so it holds neither colons nor slashes."""
    with pytest.raises(ConfigurationError, match="is no name of a stack"):
        plan(write(""), stack)


def test_values_reach_the_program_as_they_are_written(write: Write) -> None:
    """Dates stay text, whole numbers have no point, anchors are followed, and keys may hold dots and brackets."""
    stack = """
        config:
          when: 2026-01-31
          at: 2026-01-31T10:00:00Z
          never: 2026-13-45
          whole: 1e3
          part: 1.10
          yes: true
          a.b[0]: dotted
          base: &base {a: 1}
          merged: {<<: *base, b: [1.5, false]}
    """
    project = load_project(write("", stack=stack))

    values = stack_config(project, "dev").values

    assert {key.removeprefix("written:"): value for key, value in values.items()} == {
        "when": "2026-01-31",
        "at": "2026-01-31T10:00:00Z",
        "never": "2026-13-45",
        "whole": "1000",
        "part": "1.1",
        "yes": "true",
        "a.b[0]": "dotted",
        "base": '{"a": 1}',
        "merged": '{"b": [1.5, false], "a": 1}',
    }


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("1 / 0", "__main__.py:1: the program raised ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(3)", "__main__.py:2: the program left with sys.exit(3) before it was finished"),
        ("import sys\nsys.exit()", "__main__.py:2: the program left with sys.exit(None) before it was finished"),
        ("import nowhere", "__main__.py:1: the program raised ModuleNotFoundError: No module named 'nowhere'"),
        ("if:", "the program raised SyntaxError: invalid syntax (__main__.py, line 1)"),
        ("import pulumi\nraise pulumi.RunError('no')", "__main__.py:2: no"),
        (
            "import pulumi\npulumi.Output.from_input(1).apply(\n    lambda x: x / 0)",
            "__main__.py:3: the program raised ZeroDivisionError: division by zero",
        ),
        (
            "import pulumi\nclass C(pulumi.ComponentResource):\n  pass\nC('a:b:C', 'x')\nC('a:b:C', 'x')",
            "__main__.py:5: two resources of type a:b:C are named 'x' (urn:pulumi:dev::written::a:b:C::x); "
            "give one another name",
        ),
    ],
)
def test_a_program_that_fails_ends_in_one_message(write: Write, program: str, said: str) -> None:
    """File and line in the user's program, what happened, and no traceback of the engine."""
    folder = write(program)

    with pytest.raises(ProgramError) as error:
        plan(folder, "dev")

    assert str(error.value) == said


def test_the_process_is_as_it_was_after_a_failure(write: Write) -> None:
    """A failed program leaves folder, path, arguments and the SDK as they were, and the next plan works."""
    import os
    import sys

    import pulumi

    before = Path.cwd(), list(sys.path), list(sys.argv), dict(os.environ), pulumi.Output.apply, pulumi.runtime.invoke
    folder = write("import os, sys\nos.environ['LEFT'] = 'behind'\nsys.path.append('x')\nraise ValueError")
    with pytest.raises(ProgramError):
        plan(folder, "dev")

    after = Path.cwd(), list(sys.path), list(sys.argv), dict(os.environ), pulumi.Output.apply, pulumi.runtime.invoke
    assert before == after
    assert json.loads(plan(PROGRAMS / "components", "dev").dumps())["summary"]["resources"] == 4


def test_values_given_go_before_the_files(write: Write) -> None:
    """A value given to `plan` wins over the stack file, with or without its namespace."""
    text = """
        import pulumi
        pulumi.export("a", pulumi.Config().require("a"))
        pulumi.export("b", pulumi.Config("n").get("b"))
    """
    folder = write(text, stack="config:\n  a: file\n")

    assert plan(folder, "dev", config={"a": "given", "n:b": "other"}).outputs == {"a": "given", "b": "other"}
