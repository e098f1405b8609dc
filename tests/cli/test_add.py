"""`hybridml add`: a model from disk becomes an endpoint, or nothing is written."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import shutil
import signal
import socket
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from hybridml.onboarding import stage
from hybridml.spec import load
from hybridml.spec.digest import digest
from onboarding.models import classifier, customers, saved

from .conftest import COMMAND, Ran, Run

ROOT = Path(__file__).resolve().parents[2]
QUICK = ("--owner", "team")


def _command(folder: Path, *argv: str, environment: Mapping[str, str] | None = None) -> Ran:
    done = subprocess.run([COMMAND, *argv], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


def _files(folder: Path) -> dict[str, bytes]:
    """What a person sees of the project."""
    paths = (path for path in folder.rglob("*") if path.is_file() and ".hybridml" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def _project(folder: Path) -> Path:
    folder.mkdir(parents=True)
    assert _command(folder, "init", "--port", "18480", "--registry-port", "18479").code == 0
    saved(folder)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A new project, with `model.skops` and `train.csv` in its folder."""
    return _project(tmp_path / "scoring")


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    """A project to which a model was added, and how that ended."""
    folder = _project(tmp_path_factory.mktemp("added") / "scoring")
    return folder, _command(folder, "add", "churn", "--model", "model.skops", "--data", "train.csv", *QUICK)


@pytest.fixture
def grown(added: tuple[Path, Ran], tmp_path: Path) -> Path:
    """A copy of that project."""
    folder = tmp_path / "scoring"
    shutil.copytree(added[0], folder)
    return folder


def test_a_model_becomes_an_endpoint(added: tuple[Path, Ran]) -> None:
    """Model, baseline, card, endpoint file, entry of the stack; stderr says what is under way."""
    folder, ran = added

    assert ran.code == 0, ran.err
    assert ran.out.startswith(
        "churn version 1: wrote models/churn/1, baselines/churn/1.json, docs/models/churn.md, "
        "infra/endpoints/churn.yaml, stacks/Pulumi.local.yaml\n"
    )
    assert ran.err.splitlines() == [
        "model.skops is a skops file; loading it",
        "columns that the model does not take are left out: churned",
        "scikit-learn, LogisticRegression: serving it to see that it answers as it should",
    ]
    assert not (folder / stage.FOLDER).exists()
    assert "churned" not in (folder / "baselines/churn/1.json").read_text(encoding="utf-8")


def test_what_was_written_loads(added: tuple[Path, Ran]) -> None:
    """The endpoint has the digest of what lies there, and a port of this machine."""
    folder, _ = added

    churn = load(folder / "infra" / "endpoints", folder / "stacks" / "Pulumi.local.yaml").endpoints["churn"]

    assert churn.versions["1"].artifact.sha256 == digest(folder / churn.versions["1"].artifact.uri)
    assert (churn.owner, str(churn.data_class), churn.port) == ("team", "confidential", 18480)


def test_it_is_planned_explained_and_clean(run: Run, added: tuple[Path, Ran]) -> None:
    """The next commands work as the output says."""
    folder, _ = added

    explained = run("plan", "--project", folder, "--explain", "churn")
    check = run("check", "--all", "--project", folder)

    assert "infra/endpoints/churn.yaml:" in explained.out
    assert "stacks/Pulumi.local.yaml:" in explained.out
    assert (check.code, check.out.startswith("local: clean")) == (0, True)


def test_the_same_model_again_changes_nothing(run: Run, grown: Path) -> None:
    """The bytes are known, whatever the file is called by now."""
    (grown / "model.skops").rename(grown / "other")
    before = _files(grown)

    text = run("add", "churn", "--project", grown, "--model", grown / "other")
    document = run("add", "churn", "--project", grown, "--model", grown / "other", "--format", "json")

    assert (text.code, text.out) == (0, "churn: the model is version 1 already; nothing was changed.\n")
    assert json.loads(document.out) == {
        "version": 1,
        "endpoint": "churn",
        "model_version": "1",
        "changed": False,
        "files": [],
    }
    assert _files(grown) == before


def test_what_a_killed_command_had_done_is_finished_first(run: Run, grown: Path) -> None:
    """The files that were still to come are there before the next command looks."""
    moved = {path: (grown / path).read_bytes() for path in ("infra/endpoints/churn.yaml", "stacks/Pulumi.local.yaml")}
    for path, content in moved.items():
        (grown / stage.FOLDER / "new" / path).parent.mkdir(parents=True)
        (grown / stage.FOLDER / "new" / path).write_bytes(content)
    (grown / stage.FOLDER / "moves.json").write_text(json.dumps(list(moved)), encoding="utf-8")
    (grown / "infra/endpoints/churn.yaml").unlink()
    (grown / "stacks/Pulumi.local.yaml").write_text("config: {}\n", encoding="utf-8")

    ran = run("add", "churn", "--project", grown, "--model", grown / "model.skops")

    assert ran.out == "churn: the model is version 1 already; nothing was changed.\n"
    assert {path: (grown / path).read_bytes() for path in moved} == moved


@pytest.mark.slow  # the how-to's commands do it in every run
def test_a_further_version_comes_beside_the_first(grown: Path) -> None:
    """The next number, in the role that was asked for; what a person wrote into the files stays."""
    endpoint = grown / "infra/endpoints/churn.yaml"
    endpoint.write_text(endpoint.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
    shutil.copy(grown / "stacks/Pulumi.local.yaml", grown / "stacks/Pulumi.other.yaml")
    saved(grown, C=0.01)

    ran = _command(
        grown, "add", "churn", "--model", "model.skops", "--data", "train.csv", "--as", "challenger", "--format", "json"
    )

    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["files"] == [
        "models/churn/2",
        "baselines/churn/2.json",
        "docs/models/churn.md",
        "infra/endpoints/churn.yaml",
    ]
    churn = load(grown / "infra" / "endpoints", grown / "stacks" / "Pulumi.local.yaml").endpoints["churn"]
    assert {name: each.version for name, each in churn.traffic.variants.items()} == {"champion": "1", "challenger": "2"}
    assert endpoint.read_text(encoding="utf-8").endswith("# mine\n")
    assert "churn is also placed by other: put models/churn/2 where their targets read" in ran.err


def test_everything_wrong_is_said_at_once(run: Run, project: Path) -> None:
    """Names, model and data; exit status 2, no traceback, nothing written."""
    (project / "notes.pkl").write_text("no model\n", encoding="utf-8")
    (project / "data.csv").write_bytes(b"a,a\n1,2\n")
    before = _files(project)

    ran = run(
        *("add", "No Name", "--project", project, "--model", project / "notes.pkl", "--data", project / "data.csv"),
        *("--version", "V 1", "--owner", "Me"),
    )

    assert (ran.code, ran.out) == (2, "")
    assert [line.split(":")[0] for line in ran.err.splitlines()] == [
        "--data",
        "--model",
        "--owner",
        "--version",
        "NAME",
    ]
    assert "notes.pkl holds no model that is known here" in ran.err
    assert "has 2 columns called 'a'" in ran.err
    assert _files(project) == before


def test_a_pickle_is_loaded_only_when_told_to_by_name(run: Run, project: Path) -> None:
    """The message says what it would import, what to do instead, and where it is refused anyway."""
    (project / "model.pkl").write_bytes(pickle.dumps(classifier(customers())))

    ran = run("add", "churn", "--project", project, "--model", project / "model.pkl")

    assert (ran.code, ran.out) == (2, "")
    assert "sklearn.linear_model._logistic.LogisticRegression" in ran.err
    assert "runs whatever code its author put inside" in ran.err
    assert "save it as skops" in ran.err
    assert "--trust-pickle" in ran.err
    assert "Outside local and dev the policies refuse it unless it is signed" in ran.err


class _Touches:
    """Whoever loads its pickle makes a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.file,)


def _archive(path: Path, name: str, content: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, content)


def _mlflow(path: Path, _: str, content: bytes) -> None:
    path.mkdir()
    (path / "m").write_bytes(content)
    python = "{loader_module: mlflow.sklearn, model_path: m}"
    (path / "MLmodel").write_text(f"flavors: {{python_function: {python}, sklearn: {{pickled_model: m}}}}\n", "utf-8")


@pytest.mark.parametrize(
    "keep",
    [
        lambda path, _, content: path.write_bytes(content),
        lambda path, _, content: path.write_bytes(gzip.compress(content)),
        lambda path, _, content: path.write_bytes(content[:-1] + b"\xff\xff"),
        lambda path, _, content: _archive(path, "model/data.pkl", content),
        lambda path, _, content: _archive(path, "schema.json", b'{"__loader__": 1}' + content),
        lambda path, _, content: _archive(path, "a.npy", b"\x93NUMPY" + content),
        _mlflow,
        lambda path, _, content: _mlflow(path, _, b"N" + content),
    ],
    ids=["plain", "packed", "broken off", "torch", "skops", "numpy", "mlflow", "hidden in mlflow"],
)
def test_no_program_in_a_model_runs_without_being_asked_for(
    keep: Callable[[Path, str, bytes], object], run: Run, project: Path
) -> None:
    """Wherever a pickle lies: whether it is taken for one or not, nobody loads it."""
    keep(project / "model", "", pickle.dumps(_Touches(project / "ran"), protocol=3))

    ran = run("add", "churn", "--project", project, "--model", project / "model", "--owner", "me")

    assert ran.code == 2, ran.err
    assert not (project / "ran").exists()


def test_a_link_that_leads_to_itself_is_said(run: Run, project: Path) -> None:
    """As any other path that cannot be read, of the model and of the data."""
    (project / "loop").symlink_to("loop")

    ran = run("add", "churn", "--project", project, "--model", project / "loop", "--data", project / "loop")

    assert (ran.code, [line.split(":")[0] for line in ran.err.splitlines()]) == (2, ["--data", "--model"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"GGUF\x03\0\0\0", "is a GGUF model, which the server of this machine cannot load"),
        (b"\x08\x0a\x3a\x03\x0a\x01g\x42\x02\x10\x15", "needs what is not installed: onnx, onnxruntime"),
        (b'{"learner":{},"version":[3,0,0]}', "needs what is not installed: xgboost"),
        (b"tree\nversion=v4\nend of trees\n", "needs what is not installed: lightgbm"),
    ],
)
def test_what_this_machine_cannot_serve_is_said(
    content: bytes, said: str, run: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the way out: another format, another place, or the package that is missing."""
    monkeypatch.setattr("hybridml.onboarding.model.find_spec", lambda name: None if name[:2] != "ml" else name)
    (project / "model").write_bytes(content)

    ran = run("add", "churn", "--project", project, "--model", project / "model")

    assert ran.code == 2
    assert said in ran.err


def test_a_pickle_is_served_here_and_refused_elsewhere(run: Run, grown: Path) -> None:
    """What stays a pickle says so, and only local and dev let it pass without a signature."""
    endpoint = grown / "infra/endpoints/churn.yaml"
    text = endpoint.read_text(encoding="utf-8")
    endpoint.write_text(text.replace("format: mlflow", "format: pickle"), encoding="utf-8")

    assert run("check", "--project", grown).code == 0
    refused = run("check", "--project", grown, "--profile", "prod")
    assert refused.code == 5
    assert "ML-FMT-001" in refused.out


def test_a_folder_without_a_project_says_how_to_make_one(run: Run, tmp_path: Path) -> None:
    """`add` comes after `init`."""
    ran = run("add", "churn", "--project", tmp_path, "--model", tmp_path)

    assert ran.code == 2
    assert "hybridml init" in ran.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--version", "1"], "--version: churn has a version '1', which is another model (take 2)"),
        (["--owner", "other"], "--owner: the endpoint is there already (edit infra/endpoints/churn.yaml)"),
        (["--data-class", "public"], "--data-class: the endpoint is there already"),
    ],
)
def test_what_is_taken_is_refused(options: list[str], said: str, run: Run, grown: Path) -> None:
    """A version keeps its bytes, and an endpoint its owner."""
    saved(grown, C=0.01)

    ran = run("add", "churn", "--project", grown, "--model", grown / "model.skops", *options)

    assert ran.code == 2
    assert said in ran.err


def test_a_first_version_is_the_champion(run: Run, project: Path) -> None:
    """There is nobody to challenge."""
    ran = run("add", "churn", "--project", project, "--model", project / "model.skops", "--as", "shadow")

    assert ran.code == 2
    assert "churn is new, and its first version is the champion" in ran.err


def test_a_broken_project_is_not_touched(run: Run, project: Path) -> None:
    """What the loader says of the stack is said here."""
    (project / "stacks/Pulumi.local.yaml").write_text("config: {hybridml:environment: local}\n", encoding="utf-8")

    ran = run("add", "churn", "--project", project, "--model", project / "model.skops")

    assert ran.code == 2
    assert "targets" in ran.err


@pytest.mark.slow
def test_what_the_target_refuses_is_said_before_anything_is_written(project: Path) -> None:
    """With the file and line as they are called in the project."""
    stack = project / "stacks/Pulumi.local.yaml"
    text = stack.read_text(encoding="utf-8")
    endpoint = "{placement: {primary: laptop}, port: 18480, instance: big}"
    stack.write_text(text.replace("endpoints: {}", f"endpoints: {{churn: {endpoint}}}"), encoding="utf-8")
    shutil.copy(ROOT / "infra/endpoints/wine.yaml", project / "infra/endpoints/churn.yaml")
    before = _files(project)

    ran = _command(project, "add", "churn", "--model", "model.skops", "--data", "train.csv")

    assert ran.code == 2
    assert "stacks/Pulumi.local.yaml:11 churn.instance: local has no machine types" in ran.err
    assert _files(project) == before


def test_a_model_that_takes_too_long_is_given_up(project: Path) -> None:
    """Within its time limit, with the option that gives it more; nothing is written."""
    before = _files(project)

    ran = _command(project, "add", "churn", "--model", "model.skops", "--data", "train.csv", "--timeout", "1")

    assert ran.code == 1
    assert "--timeout" in ran.err
    assert _files(project) == before
    assert not (project / stage.FOLDER).exists()


def test_a_killed_command_leaves_the_project_as_it_was(project: Path) -> None:
    """Not even the process that loads the model outlives it."""
    before = _files(project)
    argv = [COMMAND, "add", "churn", "--model", "model.skops", "--data", "train.csv"]
    process = subprocess.Popen(argv, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _until((project / stage.FOLDER / "scratch" / "wrap.log").exists)

    process.send_signal(signal.SIGKILL)
    process.wait()

    _until(lambda: not _processes(project))
    assert _files(project) == before


def _until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def _processes(folder: Path) -> list[int]:
    """Processes that work in the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink().is_relative_to(folder):
                found.append(int(process.name))
        except OSError:
            continue
    return found


@pytest.fixture
def ports() -> Iterator[tuple[int, int]]:
    """Two ports of this machine that nobody has."""
    with socket.socket() as first, socket.socket() as second:
        for each in (first, second):
            each.bind(("127.0.0.1", 0))
        taken = first.getsockname()[1], second.getsockname()[1]
    yield taken


@pytest.mark.services
def test_from_a_model_to_an_answer_in_two_minutes(
    ports: tuple[int, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In an empty folder, for a user whom git does not know: init, add, up; the printed curl line answers."""
    folder, home = tmp_path / "scoring", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    unknown = {"PATH": os.environ["PATH"], "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"}
    saved(folder)
    began = time.monotonic()
    try:
        for argv in (
            ("init", "--port", str(ports[0]), "--registry-port", str(ports[1])),
            ("add", "churn", "--model", "model.skops", "--data", "train.csv", "--target", "churned"),
            ("up", "-s", "local", "--yes"),
        ):
            ran = _command(folder, *argv, environment=unknown)
            assert ran.code == 0, f"{argv}: {ran.out}{ran.err}"
        line = next(line for line in ran.out.splitlines() if line.startswith("curl "))
        asked = subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - began
        assert list(json.loads(asked.stdout)) == ["predictions"], asked.stderr
    finally:
        _command(folder, "destroy", "-s", "local", "--yes")
    with capsys.disabled():
        print(f"\ninit, add, up and one answer: {seconds:.1f} s")  # noqa: T201 - the figure that is promised
    assert seconds <= 120
    assert _processes(folder) == []
