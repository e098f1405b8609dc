"""`hybridml init`: a project that plans, and nothing overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Run

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    ".gitignore",
    "Pulumi.yaml",
    "infra/__main__.py",
    "infra/endpoints/.gitkeep",
    "requirements.txt",
    "stacks/Pulumi.local.yaml",
}


def _files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def made(run: Run, tmp_path: Path) -> Path:
    """A new project."""
    folder = tmp_path / "scoring"
    assert run("init", folder, "--port", "18080", "--registry-port", "15000").code == 0
    return folder


def test_it_writes_a_project_named_after_the_folder(run: Run, tmp_path: Path) -> None:
    """Every file is there, and the next two commands are said."""
    ran = run("init", tmp_path / "scoring")

    assert (ran.code, ran.err) == (0, "")
    assert set(_files(tmp_path / "scoring")) == FILES
    assert "name: scoring\n" in (tmp_path / "scoring" / "Pulumi.yaml").read_text(encoding="utf-8")
    assert "hybridml add NAME --model PATH" in ran.out
    assert "hybridml up -s local" in ran.out


def test_the_program_is_that_of_this_repository(made: Path) -> None:
    """A new project starts with the program that this repository is held to."""
    ours = (ROOT / "infra" / "__main__.py").read_text(encoding="utf-8")

    assert (made / "infra" / "__main__.py").read_text(encoding="utf-8") == ours


def test_a_new_project_plans_and_is_clean(run: Run, made: Path) -> None:
    """Without an endpoint it is planned, and the policies have nothing to say."""
    plan = run("plan", "--all", "--project", made)
    check = run("check", "--all", "--project", made)

    assert (plan.code, plan.err) == (0, "")
    assert plan.out.startswith("scoring/local  1 resource\n")
    assert (check.code, check.out.startswith("local: clean")) == (0, True)


def test_again_changes_nothing(run: Run, made: Path) -> None:
    """A second run says that everything is there, whatever has become of the files since."""
    (made / "stacks" / "Pulumi.local.yaml").write_text("config: {}\n", encoding="utf-8")
    before = _files(made)

    ran = run("init", made)

    assert ran.code == 0
    assert "nothing was changed" in ran.out
    assert _files(made) == before


def test_what_a_killed_run_left_is_completed(run: Run, made: Path) -> None:
    """Files that are as they would be written are not in the way of those that are missing."""
    (made / "Pulumi.yaml").unlink()
    (made / "requirements.txt").unlink()

    ran = run("init", made, "--port", "18080", "--registry-port", "15000")

    assert ran.code == 0
    assert "wrote requirements.txt, Pulumi.yaml\n" in ran.out
    assert set(_files(made)) == FILES


def test_everything_in_the_way_is_named_at_once(run: Run, tmp_path: Path) -> None:
    """Files, a link for a folder and a file for a folder are refused together, and nothing is written."""
    (tmp_path / "Pulumi.yaml").write_text("name: other\n", encoding="utf-8")
    (tmp_path / ".gitignore").write_text("*.log\n", encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "infra").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "stacks").touch()
    before = _files(tmp_path)

    ran = run("init", tmp_path, "--name", "scoring")

    assert (ran.code, ran.out) == (2, "")
    assert [line.split(":")[0] for line in ran.err.splitlines()] == [".gitignore", "Pulumi.yaml", "infra", "stacks"]
    assert "add to it: .hybridml/ and .venv/ and __pycache__/ and /models/" in ran.err
    assert _files(tmp_path) == before


def test_lists_that_have_the_lines_already_serve(run: Run, tmp_path: Path) -> None:
    """An existing .gitignore with our lines, and requirements that name hybridml, stay as they are."""
    ignored = "*.log\n.hybridml/\n.venv/\n__pycache__/\n/models/\n"
    (tmp_path / ".gitignore").write_text(ignored, encoding="utf-8")
    (tmp_path / "requirements.txt").write_text("hybridml[local,aws]\npandas\n", encoding="utf-8")

    ran = run("init", tmp_path, "--name", "scoring")

    assert ran.code == 0, ran.err
    assert (tmp_path / ".gitignore").read_text(encoding="utf-8") == ignored
    assert (tmp_path / "requirements.txt").read_text(encoding="utf-8") == "hybridml[local,aws]\npandas\n"


@pytest.mark.parametrize(
    ("name", "suggested"),
    [
        ("My Models", "my-models"),
        ("1st", "st"),
        ("a" * 41, "a" * 40),
        ("…", "scoring"),
        ("Jürgen Groß 2", "jurgen-gross-2"),
    ],
)
def test_a_name_that_cannot_be_used_gets_a_suggestion(run: Run, tmp_path: Path, name: str, suggested: str) -> None:
    """The folder's name is not bent silently: what to type is said."""
    ran = run("init", tmp_path / name)

    assert (ran.code, ran.out) == (2, "")
    assert f"--name {suggested})" in ran.err
    assert not (tmp_path / name).exists()


def test_a_file_is_no_place_for_a_project(run: Run, tmp_path: Path) -> None:
    """DIR that is a file ends in one message."""
    (tmp_path / "scoring").touch()

    ran = run("init", tmp_path / "scoring")

    assert ran.code == 2
    assert "is no folder (name another one: hybridml init DIR)" in ran.err


def test_one_port_for_two_is_refused(run: Run, tmp_path: Path) -> None:
    """Endpoints and registry cannot share a port."""
    ran = run("init", tmp_path, "--port", "18080", "--registry-port", "18080")

    assert (ran.code, list(tmp_path.iterdir())) == (2, [])


def test_the_next_command_can_be_pasted(run: Run, tmp_path: Path) -> None:
    """Whatever the folder is called."""
    ran = run("init", tmp_path / "my $(models)", "--name", "scoring")

    assert f"  cd '{tmp_path}/my $(models)'\n" in ran.out
