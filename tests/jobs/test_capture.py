"""What a model server keeps of its requests, and that nobody who asks ever notices."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hybridml.jobs import capture, keeping
from hybridml.jobs.asgi import Message, Receive, Scope, Send, body_of
from hybridml.jobs.capture import Capture, CaptureSettings
from hybridml.jobs.keeping import DatedFile, retire, secret_of
from hybridml.jobs.records import Record, days, parse, sampled
from jobs.models import Caller

HOME = Path(__file__).resolve().parents[2]
ROW = {"instances": [{"age": 1, "email": "a@b"}]}


@dataclass
class Model:
    """Answers the status and body that a test wants, in two parts."""

    status: int = 200
    body: bytes = b'{"predictions": [1.5]}'

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await body_of(receive)
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": self.body[:3], "more_body": True})
        await send({"type": "http.response.body", "body": self.body[3:]})


class Live(Model):
    """Follows the server's life."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": f"{(await receive())['type']}.complete"})


@dataclass
class Kept:
    """A model server with capture, and what it keeps."""

    settings: CaptureSettings
    model: Model

    def __post_init__(self) -> None:
        self.app = Capture(self.model, self.settings)

    def ask(self, body: Any = ROW, path: str = "/invocations", **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Caller(self.app).request("POST", path, content=content, headers=named)

    def records(self) -> list[Record]:
        """Everything that was kept, once nothing waits any more."""
        self.app._keeper.close()
        return [record for file in self.files() for line in file.open("rb") if (record := parse(line))]

    def files(self) -> list[Path]:
        return sorted(Path(self.settings.folder).rglob("*.jsonl"))


Server = Callable[..., Kept]


@pytest.fixture
def server(tmp_path: Path) -> Server:
    def start(model: Model | None = None, **changes: Any) -> Kept:
        settings = CaptureSettings(
            folder=str(tmp_path / "capture" / "churn"),
            key=str(tmp_path / "keys" / "churn.capture"),
            replica="3-0",
            version="3",
            revision="3-abcdef01",
            sample=100,
            retention_days=7,
        )
        return Kept(replace(settings, **changes), model or Model())

    return start


def test_a_prediction_becomes_a_record(server: Server) -> None:
    """Who answered what, when and how fast; in a dated file that only its owner reads."""
    kept = server()
    before = datetime.now(UTC)

    answered = kept.ask(x_request_id="r-1", x_hybridml_route="split")

    (record,) = kept.records()
    assert answered.content == b'{"predictions": [1.5]}'
    assert (record.request, record.version, record.revision) == ("r-1", "3", "3-abcdef01")
    assert (record.shadow, record.route, record.status) == (False, "split", 200)
    assert (record.inputs, record.outputs) == (ROW, {"predictions": [1.5]})
    assert before <= record.time <= datetime.now(UTC)
    assert 0 < record.milliseconds < 5_000
    (file,) = kept.files()
    assert file.name == "3-0.jsonl"
    assert date.fromisoformat(file.parent.name) >= before.date()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file, file.parent, file.parent.parent)] == [
        0o600,
        0o700,
        0o700,
    ]


def test_a_copy_is_known_by_its_host(server: Server) -> None:
    """The proxy adds `-shadow` to the host of what it mirrors."""
    kept = server()

    for host in ("model", "model-shadow", "model-shadow:8080", "shadow-model"):
        kept.ask(host=host)

    assert [record.shadow for record in kept.records()] == [False, True, True, False]


def test_only_predictions_are_kept(server: Server) -> None:
    """Liveness and unknown paths pass by."""
    kept = server()

    kept.ask(path="/ping")
    kept.ask(path="/invocations/")

    assert kept.records() == []


def test_private_features_never_reach_the_disk(server: Server, tmp_path: Path) -> None:
    """What is dropped or hashed is in no file, nor is the key in a record."""
    kept = server(drop=("email",), hash=("phone",))

    kept.ask({"instances": [{"age": 1, "email": "planted-email", "phone": "planted-phone"}]})
    kept.ask({"instances": [[1, "planted-email"]]})
    records = kept.records()

    assert records[0].inputs["instances"][0].keys() == {"age", "phone"}
    assert (records[1].inputs, records[1].left_out) == (None, {"inputs": "unnamed"})
    assert records[1].outputs == {"predictions": [1.5]}
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"planted" not in written
    key = tmp_path / "keys" / "churn.capture"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(key.read_bytes()) == 32


def test_a_misspelt_feature_is_called_so(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """What is to be dropped and what the model knows are set side by side when the server starts."""
    settings = replace(server().settings, drop=("emial",), hash=("phone",))

    Capture(Model(), settings, frozenset({"email", "phone"}))

    assert "capture drops or hashes emial, which the model's signature does not name" in caplog.text


def test_a_model_without_signature_is_called_so(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """What else a caller may call the private feature, nobody can tell then."""
    server()
    assert "signature" not in caplog.text

    server(drop=("email",))
    assert "the model's signature names no features, so email is kept by any other name" in caplog.text


def test_models_that_hang_do_not_keep_a_server_from_ending(server: Server) -> None:
    """What waits is written although every thread of the loop is taken."""
    kept, sent, hung = server(Live()), [], threading.Event()

    async def ends() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        hanging = loop.run_in_executor(None, hung.wait, 30)

        async def receive() -> Message:
            return {"type": "lifespan.shutdown"}

        async def send(message: Message) -> None:
            sent.append(message["type"])

        await asyncio.wait_for(kept.app({"type": "lifespan"}, receive, send), 10)
        hung.set()
        await hanging

    asyncio.run(ends())

    assert sent == ["lifespan.shutdown.complete"]
    assert not kept.app._keeper._thread.is_alive()


def test_an_answer_that_names_its_cells_half_is_not_kept(server: Server) -> None:
    """The rest of the record is."""
    kept = server(Model(body=b'{"predictions": {"columns": ["email"], "data": [["planted", 1]]}}'), drop=("email",))

    kept.ask()
    (record,) = kept.records()

    assert (record.inputs, record.outputs) == ({"instances": [{"age": 1}]}, None)
    assert record.left_out == {"outputs": "unnamed"}


@pytest.mark.parametrize(("status", "inputs"), [(400, None), (500, {"instances": [{"age": 1}]})])
def test_an_errors_text_is_not_kept(server: Server, status: int, inputs: Any) -> None:
    """It may quote the request; and a refused request may call a private feature by another name."""
    kept = server(Model(status, b'{"message": "cannot predict planted"}'), drop=("email",))

    kept.ask()
    (record,) = kept.records()

    assert (record.status, record.inputs, record.outputs) == (status, inputs, None)
    assert record.left_out == ({} if inputs else {"inputs": "refused"}) | {"outputs": "an error"}


def test_long_bodies_are_noted_and_not_kept(server: Server) -> None:
    """The rest of the record is."""
    kept = server(Model(body=b'"%s"' % (b"x" * capture.MOST_BODY)))

    kept.ask(b'"%s"' % (b"x" * capture.MOST_BODY))
    (record,) = kept.records()

    assert record.left_out == {"inputs": "too large", "outputs": "too large"}
    assert record.status == 200


def test_what_is_not_json_is_noted(server: Server) -> None:
    """A table in another format is not kept."""
    kept = server()

    kept.ask(b"age,email\n1,a@b\n")
    kept.ask(b'{"instances": 1')

    assert [record.left_out for record in kept.records()] == [{"inputs": "not JSON"}] * 2


@pytest.mark.parametrize("depth", [150, 400, 600, 900, 980, 995, 100_000])
@pytest.mark.parametrize("drop", [(), ("email",)])
def test_what_is_nested_too_deep_is_noted(depth: int, drop: tuple[str, ...], server: Server) -> None:
    """No request keeps itself out of the records by brackets; a hundred levels are kept."""
    kept = server(drop=drop)

    for levels in (depth, 96):
        kept.ask(b'{"inputs": {"x": %s1%s}}' % (b"[" * levels, b"]" * levels))
    deep, kept_whole = kept.records()

    assert (deep.inputs, deep.left_out, deep.status) == (None, {"inputs": "too deep"}, 200)
    assert kept_whole.left_out == {}


def test_every_server_keeps_the_same_requests(server: Server) -> None:
    """The sample is chosen by the request's id, so a request and its copy are kept both or neither."""
    ids = [f"request-{number}" for number in range(300)]
    kept = [server(sample=30, replica=replica) for replica in ("3-0", "4-0")]

    for each in kept:
        for request in ids:
            each.ask(x_request_id=request)
    found = [{record.request for record in each.records() if record} for each in kept]

    assert found[0] == found[1] == {request for request in ids if sampled(request, 30)}
    assert 50 < len(found[0]) < 130
    assert all(sampled(request, 100) for request in ids)


def test_a_folder_that_cannot_be_written_breaks_no_answer(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says so once; when it can be written again, the next record says how many are missing."""
    (tmp_path / "capture").write_text("a file where the folder should be")
    kept = server()

    answers = [kept.ask() for _ in range(5)]
    _until(lambda: kept.app._keeper.lost == 5)
    (tmp_path / "capture").unlink()
    answers.append(kept.ask())

    assert {each.status_code for each in answers} == {200}
    assert [record.lost for record in kept.records()] == [5]
    assert caplog.text.count("requests are answered but not kept in") == 1


def test_a_full_disk_breaks_no_answer_and_no_line(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a line is left where the disk ended; what follows is whole."""
    kept, write = server(), os.write
    room = [10_000, 20, -1, 10_000]

    def full(descriptor: int, data: bytes) -> int:
        left = room.pop(0)
        if left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[:left])

    monkeypatch.setattr(keeping.os, "write", full)
    answers = [kept.ask(x_request_id=str(number)) for number in range(4)]

    assert {each.status_code for each in answers} == {200}
    assert [(record.request, record.lost) for record in kept.records()] == [("0", 0), ("3", 2)]


def test_half_a_line_of_a_server_that_ended_hides_no_record(server: Server) -> None:
    """The next server begins on a line of its own."""
    first = server()
    first.ask(x_request_id="first")
    first.records()
    (file,) = first.files()
    file.write_bytes(file.read_bytes() + b'{"time": "20')

    second = server()
    second.ask(x_request_id="second")

    assert [record.request for record in second.records()] == ["first", "second"]


def test_more_than_may_wait_is_counted(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that hangs costs records, not memory and not answers."""
    monkeypatch.setattr(keeping, "MOST_BYTES", 5_000)
    hangs, write = threading.Event(), os.write

    def slow(descriptor: int, data: bytes) -> int:
        hangs.wait(20)
        return write(descriptor, data)

    monkeypatch.setattr(keeping.os, "write", slow)
    kept = server()
    answers = [kept.ask() for _ in range(20)]
    hangs.set()

    assert {each.status_code for each in answers} == {200}
    assert len(kept.records()) + kept.app._keeper.lost == 20
    assert kept.app._keeper.lost > 10


def test_records_go_on_after_their_folder_was_removed(server: Server) -> None:
    """Whoever deletes the records does not stop the capture."""
    kept = server()
    kept.ask(x_request_id="before")
    _until(lambda: bool(kept.files()))
    for file in kept.files():
        file.unlink()
        file.parent.rmdir()

    kept.ask(x_request_id="after")

    assert [record.request for record in kept.records()] == ["after"]


def test_a_new_day_is_a_new_file_and_a_clock_may_go_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line lies under the day on which it was written, and none is lost or written over."""
    said = iter(["2026-03-01", "2026-03-02", "2026-03-01", "2026-03-02"])
    monkeypatch.setattr(keeping, "day_of", lambda _: next(said))
    file = DatedFile(tmp_path, "3-0")

    for number in range(4):
        file.write(b"%d\n" % number)

    assert {path.parent.name: path.read_bytes() for path in tmp_path.rglob("*.jsonl")} == {
        "2026-03-01": b"0\n2\n",
        "2026-03-02": b"1\n3\n",
    }


def test_a_link_in_the_place_of_a_file_is_not_followed(server: Server, tmp_path: Path) -> None:
    """Nothing is added to what somebody else put there; the request is answered."""
    kept, mine = server(), tmp_path / "mine"
    mine.write_text("mine")
    day = Path(kept.settings.folder) / datetime.now(UTC).date().isoformat()
    day.mkdir(parents=True)
    (day / "3-0.jsonl").symlink_to(mine)

    assert kept.ask().status_code == 200
    kept.app._keeper.close()
    assert (mine.read_text(), kept.app._keeper.lost) == ("mine", 1)


def test_old_days_are_deleted_and_nothing_else(tmp_path: Path) -> None:
    """A record is kept for its days and is gone a day later; other files stay."""
    today = date(2026, 3, 10)
    for age in (0, 6, 7, 8, 100):
        day = tmp_path / str(today - timedelta(days=age))
        day.mkdir()
        (day / "3-0.jsonl").write_text("{}")
    (tmp_path / "2020-01-01").mkdir()
    (tmp_path / "2020-01-01" / "notes.txt").write_text("mine")
    (tmp_path / "letters").mkdir()

    retire(tmp_path, today, 7)

    assert [day.isoformat() for day, _ in days(tmp_path)] == ["2020-01-01", "2026-03-03", "2026-03-04", "2026-03-10"]
    assert (tmp_path / "2020-01-01" / "notes.txt").exists()
    assert (tmp_path / "letters").is_dir()
    retire(tmp_path / "missing", today, 7)


def test_folders_that_only_look_like_old_days_are_not_touched(tmp_path: Path) -> None:
    """A link to an archive is its owner's, and so are names that no server writes."""
    archive = tmp_path / "archive"
    for folder in (archive, tmp_path / "20200101", tmp_path / "2020-W01-1"):
        folder.mkdir()
        (folder / "3-0.jsonl").write_text("{}")
    (tmp_path / "2020-01-01").symlink_to(archive)

    retire(tmp_path, date(2026, 3, 10), 7)

    assert len(list(tmp_path.rglob("*.jsonl"))) == 3
    assert [day.isoformat() for day, _ in days(tmp_path)] == ["2020-01-01"]


def test_what_cannot_be_deleted_keeps_nothing_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The oldest day holds a folder that is called like a file of records: it is named, the next day goes."""
    (tmp_path / "2020-01-01" / "odd.jsonl").mkdir(parents=True)
    (tmp_path / "2020-01-02").mkdir()
    (tmp_path / "2020-01-02" / "3-0.jsonl").write_text("{}")

    retire(tmp_path, date(2026, 3, 10), 7)

    assert [path.name for path in tmp_path.iterdir()] == ["2020-01-01"]
    assert "odd.jsonl is older than it may be and cannot be deleted" in caplog.text


def test_a_server_deletes_what_is_too_old_when_it_starts(server: Server) -> None:
    """Even if nobody asks it anything."""
    old = Path(server().settings.folder) / "2020-01-01"
    old.mkdir(parents=True)
    (old / "3-0.jsonl").write_text("{}")

    server()

    _until(lambda: not old.exists())


def test_the_key_is_made_once_by_many_at_once(tmp_path: Path) -> None:
    """Servers that start together agree on one key, which stays."""
    path, found = tmp_path / "keys" / "churn", []
    threads = [threading.Thread(target=lambda: found.append(secret_of(path)())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(found)) == 1
    assert secret_of(path)() == found[0]
    assert [each.name for each in path.parent.iterdir()] == ["churn"]


def test_a_key_that_anybody_can_try_hashes_nothing(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An empty key file, of a disk that was full, keeps no record; the log says what to do."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "churn.capture").touch()
    kept = server(hash=("email",))

    assert kept.ask().status_code == 200
    assert kept.records() == []
    assert "the key of the hashes has 0 bytes of 32; delete it (1 so far)" in caplog.text


def test_a_damaged_line_is_no_record() -> None:
    """Cut short, of another shape, or not JSON."""
    line = Record(
        time=datetime.now(UTC), request="r", version="3", revision="3-0", shadow=False, status=200, milliseconds=1
    ).line()

    assert parse(line) is not None
    other = [line.replace(b"+00:00", b""), line.replace(b"200", b'"x"'), line.replace(b":1,", b":NaN,")]
    assert [parse(each) for each in (line[:-10], b"\n", b"[]", b'{"time": 1}', b"{}", b"\xff", *other)] == [None] * 9


STRANGE: dict[str, Any] = {
    "milliseconds": [10**400, -1, "3", True, None, float("inf")],
    "status": ["200", 200.0, float("inf"), None, -1],
    "lost": [-1, "7", float("inf")],
    "revision": [["3-0"], None, {}],
    "version": [3],
    "request": [7],
    "route": [[]],
    "shadow": ["x", 1, None],
    "left_out": ["x", None],
    "time": ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1969-12-31T00:00:00Z", 5],
    "more": ["a field of another version"],
}


@pytest.mark.parametrize("name", STRANGE)
def test_a_line_with_a_value_that_no_record_has_is_damaged(name: str) -> None:
    """Whoever reads records can rely on what is in them."""
    record = Record(
        time=datetime.now(UTC), request="r", version="3", revision="3-0", shadow=False, status=200, milliseconds=1
    )
    whole = json.loads(record.line())

    assert parse(json.dumps(whole).encode()) is not None
    assert [parse(json.dumps({**whole, name: value}).encode()) for value in STRANGE[name]] == [None] * len(
        STRANGE[name]
    )


def test_settings_survive_the_environment(server: Server) -> None:
    """What one process writes another reads."""
    settings = replace(server().settings, drop=("a",), hash=("b", "c"))

    assert CaptureSettings.from_json(settings.to_json()) == settings


@contextmanager
def _uvicorn(settings: CaptureSettings, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    """The benchmarks' stub with capture, as a process of its own."""
    socket = folder / "s"
    argv = [sys.executable, "-m", "uvicorn", "--factory", "benchmarks.stub:application", "--uds", str(socket)]
    environment = {**os.environ, capture.VARIABLE: settings.to_json(), "PYTHONPATH": str(HOME)}
    process = subprocess.Popen([*argv, "--log-level", "warning"], cwd=HOME, env=environment)
    try:
        _until(socket.exists)
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://model") as client:
            yield process, client
    finally:
        process.kill()
        process.wait(20)


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.services
def test_a_server_that_ends_loses_at_most_what_was_in_flight(
    sent: signal.Signals, server: Server, tmp_path: Path
) -> None:
    """Killed under load: whole lines only, at most the last few missing; told to stop: none."""
    kept, ids = server(), [str(number) for number in range(200)]

    with _uvicorn(kept.settings, tmp_path) as (process, client):
        for request in ids:
            client.post("/invocations", json=ROW, headers={"x-request-id": request})
        process.send_signal(sent)
        process.wait(20)

    (file,) = kept.files()
    lines = file.read_bytes().splitlines()
    found = [record.request for line in lines if (record := parse(line))]
    assert found == ids[: len(lines)]
    assert len(found) >= (200 if sent is signal.SIGTERM else 195)


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
