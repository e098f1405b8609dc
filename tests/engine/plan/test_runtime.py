"""How a program is run: in its own environment, against a blocking resolver, and with what of the SDK."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pulumi
import pytest
from hybridml.engine import declared, sdk
from hybridml.engine.aliases import STACK_TYPE
from hybridml.engine.child import dump_plan, load_plan
from hybridml.engine.monitor import Invocation, Outcome, Read, Registration
from hybridml.engine.plan import Plan
from hybridml.engine.program import plan, run
from hybridml.engine.project import load_project, stack_config
from hybridml.engine.values import Properties
from hybridml.errors import ConfigurationError, HybridMLError, ProgramError, Refused

Write = Callable[..., Path]


def test_the_sdk_still_has_what_planning_relies_on() -> None:
    """The functions of the SDK that are not public are there; without them plans are slower, or have no outputs."""
    import pulumi.runtime.resource as registration

    assert declared.lacking() == ()
    assert callable(getattr(registration, sdk.TRACE))
    for name in (
        "invoke",
        "invoke_async",
        "invoke_output",
        "invoke_single",
        "invoke_output_single",
        "call",
        "call_single",
    ):
        assert callable(getattr(pulumi.runtime, name))


def test_sdk_requests_are_recognised_as_such(monkeypatch: pytest.MonkeyPatch, write: Write) -> None:
    """Requests are answered on the program's own thread; should the SDK change, this says that planning got slower."""
    threads = set()

    class Resolver(Recording):
        blocking = False

        def register(self, registration: Registration) -> Outcome:
            threads.add(threading.get_ident())
            return super().register(registration)

    project = load_project(write("import pulumi\npulumi.ComponentResource('a:b:C', 'c')"))
    run(project, "dev", Resolver(), stack_config(project, "dev"), planning=True)

    assert threads == {threading.get_ident()}


class Recording:
    """A resolver as `apply` has one: it takes its time, and answers with what it made."""

    blocking = True

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.finished: dict[str, Properties] = {}
        self.at_once = 0
        self._waiting = 0
        self._lock = threading.Lock()

    def register(self, registration: Registration) -> Outcome:
        with self._lock:
            self._waiting += 1
            self.at_once = max(self.at_once, self._waiting)
        if registration.type != STACK_TYPE and self.blocking:
            time.sleep(0.2)
        with self._lock:
            self._waiting -= 1
            self.seen.append(registration.name)
        return Outcome(id=f"id-{registration.name}", outputs={**registration.inputs, "arn": f"arn-{registration.name}"})

    def read(self, read: Read) -> Outcome:
        raise Refused(f"nothing reads {read.type}")

    def invoke(self, invocation: Invocation) -> Properties | None:
        return {"token": invocation.token}

    def finish(self, urn: str, outputs: Properties) -> None:
        self.finished[urn] = outputs


PROGRAM = """
    import pulumi
    import pulumi_aws as aws

    first = [aws.sqs.Queue(f"first-{i}", name=f"q{i}") for i in range(20)]
    last = aws.sqs.Queue("last", name=first[0].arn)
    pulumi.export("last", last.name)
    pulumi.export("preview", pulumi.runtime.is_dry_run())
"""


def test_a_blocking_resolver_is_asked_about_many_at_once(write: Write) -> None:
    """While applying, independent resources are registered concurrently, dependent ones after what they need."""
    project, resolver = load_project(write(PROGRAM)), Recording()

    run(project, "dev", resolver, stack_config(project, "dev"))

    assert resolver.at_once == 20
    assert resolver.seen[-1] == "last"
    assert list(resolver.finished.values()) == [{"last": "arn-first-0", "preview": False}]


def test_a_refusal_ends_the_program_with_its_own_message(write: Write) -> None:
    """A deliberate error of the resolver is what the caller gets."""
    text = "import pulumi_aws as aws\naws.sqs.Queue.get('q', 'id')"
    project = load_project(write(text))

    with pytest.raises(Refused, match="nothing reads aws:sqs/queue:Queue"):
        run(project, "dev", Recording(), stack_config(project, "dev"))


@pytest.fixture
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment of a program's own that sees this one's packages, and not this package."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    packages = Path(pulumi.__file__).parents[1]
    (target,) = folder.glob("lib/python*/site-packages")
    (target / "here.pth").write_text(f"{packages}\n")
    return folder


def test_a_program_with_its_own_environment_is_planned_by_it(
    write: Write, environment: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The program runs in a process of its own interpreter, and the plan is the same; what it prints is no result."""
    text = """
        import sys
        import pulumi
        import pulumi_aws as aws

        print("printed")
        bucket = aws.s3.Bucket("bucket", tags={"secret": pulumi.Output.secret("planted-in-child")})
        pulumi.export("prefix", sys.prefix)
        pulumi.export("arn", bucket.arn)
        pulumi.export("rules", bucket.lifecycle_rules)
        pulumi.export("secret", pulumi.Output.secret("planted-in-child"))
    """
    here = plan(write(text), "dev")
    there = plan(write(text, settings=f"runtime: {{name: python, options: {{virtualenv: {environment}}}}}"), "dev")

    assert there.outputs["prefix"] == str(environment)
    assert here.resources == there.resources
    assert {**here.outputs, "prefix": ""} == {**there.outputs, "prefix": ""}
    assert "planted-in-child" not in there.dumps()
    assert "printed" not in capfd.readouterr().out


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("1 / 0", ProgramError, "__main__.py:1: the program raised ZeroDivisionError: division by zero"),
        ("import pulumi\npulumi.Config().require('a')", ConfigurationError, "written:a: required configuration"),
        ("import os\nos.kill(os.getpid(), 9)", ProgramError, "ended with status -9 before the program was finished"),
    ],
)
def test_errors_come_back_from_another_environment(
    write: Write, environment: Path, text: str, error: type[HybridMLError], said: str
) -> None:
    """What ends a program there is the same error here."""
    folder = write(text, settings=f"runtime: {{name: python, options: {{virtualenv: {environment}}}}}")

    with pytest.raises(error) as caught:
        plan(folder, "dev")

    assert said in str(caught.value)


def test_an_environment_without_pulumi_is_refused(write: Write, environment: Path) -> None:
    """An environment that cannot run a Pulumi program is named, with what to do."""
    next(environment.glob("lib/python*/site-packages/here.pth")).unlink()
    folder = write("", settings=f"runtime: {{name: python, options: {{virtualenv: {environment}}}}}")

    with pytest.raises(ConfigurationError, match=r"holds no pulumi \(install what the program needs"):
        plan(folder, "dev")


def test_an_environment_that_does_not_exist_is_left_aside(write: Write) -> None:
    """A virtual environment that nobody made yet does not keep a program from being planned here."""
    settings = "runtime: {name: python, options: {virtualenv: venv}}"

    assert plan(write("import pulumi\npulumi.export('a', 1)", settings=settings), "dev").outputs == {"a": 1}


@pytest.mark.parametrize("name", ["components", "secret_values", "references", "aliases"])
def test_a_plan_survives_the_way_between_processes(planned: Callable[..., Plan], name: str) -> None:
    """A plan as data and back is the same plan."""
    made = planned(name, config={"password": "planted-planted"})

    assert load_plan(dump_plan(made)) == made


def test_a_program_is_planned_where_mocks_were_set(write: Write) -> None:
    """A test suite may use the SDK's own mocks beside plans: their root stack is not the planned program's."""
    import asyncio
    import contextvars

    class Nothing(pulumi.runtime.Mocks):
        def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[object, object]]:
            return "", {}

        def call(self, args: pulumi.runtime.MockCallArgs) -> dict[object, object]:
            return {}

    def planned() -> Plan:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        pulumi.runtime.set_mocks(Nothing())
        try:
            return plan(load_project(write("import pulumi\npulumi.export('answer', 42)\n")), "dev")
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    assert contextvars.copy_context().run(planned).outputs == {"answer": 42}
