"""The page of a plan as a browser shows it, from `file://`."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from hybridml.report import plan_html

from .browser import CHROMIUM, Browser, browser
from .pages import CARD, compared, many, page, plan, resource
from .test_plan_html import HOSTILE, _card, _everywhere

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH")
WIDTHS = (1280, 360)
VISIBLE = "[...document.querySelectorAll('.tree > li')].filter(row => row.offsetParent).map(row => row.dataset.n)"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests."""
    with browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of two stacks, one of them with 1,000 resources."""
    return _written(tmp_path_factory.mktemp("page") / "large.html", page(many(1_000), CARD), page(compared(), CARD))


def _written(path: Path, *stacks: object) -> Path:
    path.write_text(plan_html(stacks, "0.1.0"), encoding="utf-8")  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("fragment", ["", "#r=15", "#r=1002", "#q=bucket", "#s1-changes", "#r=9999", "#%"])
def test_nothing_is_complained_of(shown: Browser, large: Path, width: int, fragment: str) -> None:
    """No console message, no request but for the page itself, nothing wider than the window."""
    shown.open(large, fragment, width=width)

    assert shown.complaints == []
    assert {url.partition("#")[0] for url in shown.requests if not url.startswith("data:")} == {large.as_uri()}
    assert shown.run("document.documentElement.scrollWidth") <= width


def test_a_thousand_resources_open_quickly(shown: Browser, large: Path) -> None:
    """From the first byte to a page that can be used in at most two seconds, on any machine that runs these tests."""
    shown.open(large)
    timing = "performance.getEntriesByType('navigation')[0]"

    assert shown.run(f"{timing}.domComplete - {timing}.responseStart") < 2_000


def test_search_leaves_what_matches_and_what_holds_it(shown: Browser, large: Path) -> None:
    """Words are looked for in names, types and files; every word has to be found; the count is said."""
    shown.open(large, "#q=it-77 bucket")

    found = shown.run(
        "[...document.querySelectorAll('.tree > li:not(.away):not(.context)')].filter(r => r.offsetParent)"
        ".map(row => row.querySelector('.name').textContent)"
    )
    assert all(name.startswith("it-77") for name in found)
    assert "it-772" in found
    assert shown.run("document.querySelector('.found').textContent") == f"{len(found)} of 1000"
    assert shown.run("document.querySelectorAll('#s0 .sq:not(.out)').length") == len(found)


def test_filters_add_up(shown: Browser, large: Path) -> None:
    """Two packages show the resources of both; pressed again they show everything."""
    shown.open(large)
    press = "document.querySelector('#s0 button[data-value={}]').click()"

    shown.run(press.format("aws"))
    shown.run(press.format("gcp"))
    packages = shown.run(
        "[...new Set([...document.querySelectorAll('#s0 .tree > li:not(.away):not(.context)')].map(r => r.dataset.p))]"
    )
    shown.run(press.format("aws"))
    shown.run(press.format("gcp"))

    assert sorted(packages) == ["aws", "gcp"]
    assert shown.run("document.querySelectorAll('#s0 .tree > li.away').length") == 0


@pytest.mark.parametrize("width", WIDTHS)
def test_a_chosen_resource_shows_its_neighbours(shown: Browser, large: Path, width: int) -> None:
    """What it needs and what needs it are drawn and lead there; its properties stand below."""
    shown.open(large, "#r=15", width=width)

    assert shown.run("document.querySelectorAll('.near path.needs').length") == 1
    assert shown.run("document.querySelectorAll('.near path.needed').length") == 1
    assert "value 3 of" in shown.run("document.querySelector('.inspector .props').textContent")
    before = shown.run("document.querySelector('.inspector h3').textContent")
    shown.run("location.hash = document.querySelector('.near a').getAttribute('href').slice(1)")
    shown.run("new Promise(resolve => setTimeout(resolve, 50))")
    assert shown.run("document.querySelector('.inspector h3').textContent") != before


def test_the_tree_is_walked_with_the_keyboard(shown: Browser, large: Path) -> None:
    """Arrows open, walk and close; Enter chooses; the tree is one stop of the Tab key; `/` goes to the search."""
    shown.open(large)
    shown.run("document.querySelector('#s0 .tree > li').focus()")
    shown.press("ArrowDown", "ArrowUp", "ArrowLeft")
    closed = len(shown.run(VISIBLE))
    shown.press("ArrowRight", "ArrowRight", "Enter")
    shown.run("new Promise(resolve => setTimeout(resolve, 50))")

    assert shown.run("location.hash") == "#r=1"
    assert shown.run("document.activeElement.dataset.n") == "1"
    assert len(shown.run(VISIBLE)) == closed + 9
    assert shown.run("document.querySelectorAll('#s0 .tree > li[tabindex=\"0\"]').length") == 1
    shown.press("/")
    assert shown.run("document.activeElement.className") == "search"


def test_stacks_are_shown_one_at_a_time(shown: Browser, large: Path) -> None:
    """A stack's link, and a link to a part or a resource of it, show that stack."""
    stacks = "[...document.querySelectorAll('.stack')].map(stack => stack.hidden)"
    shown.open(large)
    assert shown.run(stacks) == [False, True]
    for fragment in ("#s1", "#s1-changes", "#r=1001", "#s=1&q=store"):
        shown.open(large, fragment)
        assert shown.run(stacks) == [True, False], fragment


def test_hostile_names_run_nothing(shown: Browser, tmp_path: Path) -> None:
    """Nothing that a name or value says is run or loaded, in the page or in what its script draws."""
    made = _written(tmp_path / "hostile.html", page(_everywhere(HOSTILE), _card(HOSTILE)))
    shown.open(made, "#r=1")

    assert shown.run("document.querySelector('.inspector').textContent").count("<script>alert(1)") >= 2
    assert shown.run("document.querySelectorAll('img, .inspector script, main script').length") == 0
    assert shown.complaints == []


def test_what_an_address_chooses_is_in_sight(shown: Browser, large: Path) -> None:
    """However large the map above the tree is: the row, and what is said of it beside or below."""
    for width in WIDTHS:
        shown.open(large, "#r=15", width=width)
        for what in (".tree > li[aria-selected=true]", ".inspector h3"):
            top = shown.run(f"document.querySelector('{what}').getBoundingClientRect().top")
            assert 0 < top < 700, (width, what)


def test_a_circle_of_parents_can_be_chosen(shown: Browser, tmp_path: Path) -> None:
    """What only a damaged plan says does not hang the page."""
    one, two = resource("a:b:C", "one", "a:b:C::two"), resource("a:b:C", "two", "a:b:C::one")
    shown.open(_written(tmp_path / "circle.html", page(plan([one, two]))), "#r=1")

    assert shown.run("document.querySelector('.inspector h3').textContent") == "two"


def test_everything_is_printed(shown: Browser, large: Path) -> None:
    """On paper both stacks and every resource are there, light, and what only a screen can do is not."""
    shown.open(large)
    shown.ask("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    try:
        assert shown.run("[...document.querySelectorAll('.stack')].every(stack => stack.offsetParent)")
        assert len(shown.run(VISIBLE)) == 1_003
        assert shown.run(
            "[...document.querySelectorAll('.tools, .inspector, .parts')].every(each => !each.offsetParent)"
        )
        assert shown.run("getComputedStyle(document.body).color") == "rgb(27, 29, 32)"
        paper = base64.b64decode(shown.ask("Page.printToPDF")["data"])
        assert paper.startswith(b"%PDF")
    finally:
        shown.ask("Emulation.setEmulatedMedia", media="", features=[])


def test_dark_where_the_reader_wants_it(shown: Browser, large: Path) -> None:
    """The colours follow the reader's setting."""
    shown.open(large)
    colours = {}
    for scheme in ("light", "dark"):
        shown.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        colours[scheme] = shown.run("getComputedStyle(document.body).backgroundColor")

    assert colours == {"light": "rgb(252, 252, 250)", "dark": "rgb(20, 21, 24)"}
