"""`hybridml invoke`: the request it sends, and what it says when there is no answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Ran, Run
from .stage import Endpoint, deployed, endpoint


@pytest.fixture
def served(project: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """An endpoint `wine` of the stack `one` that answers; tokens say who they are for."""
    monkeypatch.setattr("hybridml.cli.callers.token", lambda _, *, group, seconds: f"{group or 'first'}-{seconds}")
    with endpoint() as stage:
        _deploy(project, stage, target="local", scheme="jwt")
        yield stage


def _deploy(project: Path, stage: Endpoint, *, target: str, scheme: str) -> None:
    outputs = {"target": target, "url": stage.url, "authentication": {"scheme": scheme}, "versions": {"1": "/x"}}
    deployed(project, {"endpoints": {"wine": outputs}})


def _invoke(run: Run, project: Path, *argv: str, given: str | None = None) -> Ran:
    return run("invoke", "wine", "--project", project, "-s", "one", *argv, given=given)


def test_the_answer_is_printed_as_it_came(run: Run, project: Path, served: Endpoint) -> None:
    """The request carries a token good for a minute, and stdout is the answer."""
    ran = _invoke(run, project, "--data", '{"instances": [[1]]}', "-H", "x-cohort: beta")

    assert (ran.code, ran.out, ran.err) == (0, '{"predictions": [1]}\n', "")
    headers, body = served.seen[0]
    assert body == '{"instances": [[1]]}'
    assert headers["authorization"] == "Bearer first-60"
    assert headers["content-type"] == "application/json"
    assert headers["x-cohort"] == "beta"


def test_the_request_may_be_in_a_file_or_on_stdin(run: Run, project: Path, served: Endpoint) -> None:
    """`@FILE` and `@-` are read."""
    (project / "body.json").write_text("[1]", encoding="utf-8")

    _invoke(run, project, "--data", f"@{project / 'body.json'}", "--group", "other")
    _invoke(run, project, "--data", "@-", given="[2]")

    assert [body for _, body in served.seen] == ["[1]", "[2]"]
    assert served.seen[0][0]["authorization"] == "Bearer other-60"


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--data", "{"], "--data: is not JSON"),
        (["--data", "@none.json"], "none.json: cannot be read"),
        (["--data", "{}", "-H", "nothing"], "'nothing' is not `name: value`"),
    ],
)
def test_what_cannot_be_sent_is_refused(run: Run, project: Path, served: Endpoint, argv: list[str], says: str) -> None:
    """A body that is no JSON, a file that is missing and a header without a colon end with status 2, unsent."""
    ran = _invoke(run, project, *argv)

    assert ran.code == 2
    assert says in ran.err
    assert served.seen == []


@pytest.mark.parametrize(
    ("status", "says"), [(401, "token"), (403, "access.invokers"), (503, "no model server"), (418, "418")]
)
def test_a_refusal_is_explained(run: Run, project: Path, served: Endpoint, status: int, says: str) -> None:
    """Status and text of a refusal are shown with what they mean here."""
    served.status, served.answer = status, "no"

    ran = _invoke(run, project, "--data", "{}")

    assert (ran.code, ran.out) == (1, "")
    assert f"wine answered {status}" in ran.err
    assert says in ran.err


def test_an_endpoint_that_is_down_is_one_message(run: Run, project: Path, served: Endpoint) -> None:
    """No listener is one message that points to `status`."""
    served.url = "http://127.0.0.1:9/invocations"
    _deploy(project, served, target="local", scheme="jwt")

    ran = _invoke(run, project, "--data", "{}")

    assert ran.code == 1
    assert "does not answer at http://127.0.0.1:9/invocations" in ran.err
    assert "hybridml status" in ran.err


def test_an_unknown_endpoint_names_those_there_are(run: Run, project: Path, served: Endpoint) -> None:
    """A wrong name ends with the names of what is deployed."""
    ran = run("invoke", "beer", "--project", project, "-s", "one", "--data", "{}")

    assert ran.code == 1
    assert "deployed are: wine" in ran.err


def test_an_endpoint_elsewhere_is_refused_by_name(run: Run, project: Path, served: Endpoint) -> None:
    """This release asks endpoints of this machine only."""
    _deploy(project, served, target="aws", scheme="sigv4")

    ran = _invoke(run, project, "--data", "{}")

    assert ran.code == 1
    assert "lives on aws" in ran.err


def test_nothing_deployed_says_how_to_deploy(run: Run, project: Path) -> None:
    """Without a state the way to one is named."""
    ran = _invoke(run, project, "--data", json.dumps({}))

    assert ran.code == 1
    assert "hybridml up -s one" in ran.err


def test_a_batch_is_not_asked(run: Run, project: Path) -> None:
    """An endpoint that predicts files has no address; where its predictions lie is said instead."""
    deployed(project, {"endpoints": {"wine": {"target": "local", "output": "/results/wine", "versions": {"1": "/x"}}}})

    ran = _invoke(run, project, "--data", "{}")

    assert ran.code == 1
    assert "wine predicts files; its predictions lie in /results/wine" in ran.err
