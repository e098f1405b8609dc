"""The promises as a table: which target keeps which, how that is proven, and by which test.

A test says what it proves with a mark:

    @pytest.mark.promise("traffic.challenger", "traffic.shadow", target="local", by="traffic")

`by` is `traffic` (real requests to real servers), `state` (what an API says afterwards) or `plan`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hybridml.targets.base import KINDS, Promise, Refusal, find

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "reference" / "conformance.md"
WAYS = ("traffic", "state", "plan")
"""How a promise is proven, the strongest first."""
COMMAND = "pytest -m promise --record-conformance"


@dataclass(frozen=True, order=True)
class Proof:
    """A test that shows that a target keeps a promise."""

    promise: str
    target: str
    by: str
    file: str
    """Relative to the root."""
    test: str
    says: str
    """The test's own line on the behaviour."""


def marked() -> tuple[Proof, ...]:
    """Every proof that some test claims to be, read from the marks in the sources: whatever is run or left out now."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    return tuple(sorted(proof for file in files for proof in _marked(file)))


def _marked(file: Path) -> Iterator[Proof]:
    text = file.read_text(encoding="utf-8")
    if "mark.promise" not in text:
        return
    for item in ast.parse(text).body:
        if isinstance(item, ast.FunctionDef):
            for decorator in item.decorator_list:
                yield from _proofs(decorator, item, file.relative_to(ROOT).as_posix())


def _proofs(decorator: ast.expr, item: ast.FunctionDef, file: str) -> Iterator[Proof]:
    if not (isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.promise"):
        return
    said = {each.arg: ast.literal_eval(each.value) for each in decorator.keywords}
    says = (ast.get_docstring(item) or "").splitlines()[0]
    for promise in map(ast.literal_eval, decorator.args):
        yield Proof(promise=promise, target=said["target"], by=said["by"], file=file, test=item.name, says=says)


def document(proofs: Iterable[Proof]) -> str:
    """The reference page: the table, then target by target what proves each promise, and what is refused."""
    found = sorted(set(proofs))
    lines = [*_HEAD, *_matrix(found)]
    for target in KINDS:
        lines += ["", f"## {target}", "", *_kept(target, found), "", *_refused(target)]
    return "\n".join(lines) + "\n"


_HEAD = (
    "# Conformance",
    "",
    "What each target keeps, and how that is proven: by **traffic** (real requests to real servers), by the **state**",
    "that an API reports afterwards, or by the **plan** (the resources that would be made). What a target does not",
    "keep it refuses by name, at plan time, and a test holds it to that. This page is written by the tests that",
    f"passed: `{COMMAND}`.",
    "",
)


def _matrix(proofs: list[Proof]) -> Iterator[str]:
    yield f"| promise | {' | '.join(KINDS)} |"
    yield f"|---|{'---|' * len(KINDS)}"
    for promise in Promise:
        cells = (_cell(promise, target, proofs) for target in KINDS)
        yield f"| `{promise.value}` | {' | '.join(cells)} |"


def _cell(promise: Promise, target: str, proofs: list[Proof]) -> str:
    if isinstance(find(target).promises[promise], Refusal):
        return "refused"
    ways = {proof.by for proof in proofs if (proof.promise, proof.target) == (promise.value, target)}
    best = next((way for way in WAYS if way in ways), None)
    return f"[{best}](#{target})" if best else "not proven"


def _kept(target: str, proofs: list[Proof]) -> Iterator[str]:
    yield "| kept | proven by | test |"
    yield "|---|---|---|"
    for promise in Promise:
        if isinstance(find(target).promises[promise], Refusal):
            continue
        here = [proof for proof in proofs if (proof.promise, proof.target) == (promise.value, target)]
        for proof in sorted(here, key=lambda proof: (WAYS.index(proof.by), proof.file, proof.test)):
            says = proof.says.replace("|", "\\|")
            yield f"| `{promise.value}` | {proof.by} | [{says}](../../{proof.file}) |"


def _refused(target: str) -> Iterator[str]:
    yield "| refused | because | instead |"
    yield "|---|---|---|"
    for promise in Promise:
        answer = find(target).promises[promise]
        if isinstance(answer, Refusal):
            reason, fix = (text.replace("|", "\\|") for text in (answer.reason, answer.fix))
            yield f"| `{promise.value}` | {target} {reason} | {fix} |"
