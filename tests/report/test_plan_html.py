"""A plan as one self-contained page."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hybridml.report import StackPage, plan_html
from hybridml.report.cards import EndpointCard, Fact

from .pages import CARD, PREFIX, compared, many, page, plan, resource

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}</style>-->\u202e\x00\x1b'


class Elements(HTMLParser):
    """Every element of a page with its attributes, and the text inside script, style and everything else."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": [], "": []}
        self._open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._open = tag
            self.inside[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = "" if tag == self._open else self._open

    def handle_data(self, data: str) -> None:
        if self._open:
            self.inside[self._open][-1] += data
        else:
            self.inside[""].append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.inside[""]).split())

    @property
    def data(self) -> Any:
        return json.loads(self.inside["script"][0])


def parsed(*stacks: StackPage) -> Elements:
    """The page of these stacks."""
    elements = Elements()
    elements.feed(plan_html(stacks, "0.1.0"))
    elements.close()
    return elements


def test_a_page_says_what_where_and_why() -> None:
    """Summary, card, changes, findings, resources, outputs and notes of one stack are all in it."""
    text = parsed(page(compared(), CARD)).text

    assert "shop / prod" in text
    assert "3 resources for 1 endpoint. Compared with the state: 1 to create , 1 to update , 1 to delete" in text
    assert "Policies: 1 violation , profile prod, 1 rule." in text
    assert "90 % version 3 champion 10 % version 4 challenger" in text
    assert "s3://models/churn/3/ mlflow, sha256 681368136813…" in text
    assert "Keeps what it is asked for: traffic.challenger Would refuse 1 more" in text
    assert "acl before: public-read → after: private" in text
    assert "Nobody can tell before it is applied whether these change: tags." in text
    assert "\N{MINUS SIGN} gone aws:sqs/Queue delete" in text
    assert "enableNetworkIsolation is false, true is needed infra/endpoints/churn.yaml:4" in text
    assert "Fix Set enableNetworkIsolation to true" in text
    assert "url https://churn.example" in text
    assert "eks:index:Cluster its children are out of sight" in text


def test_nothing_comes_from_elsewhere() -> None:
    """No element names an address to load, and the policy of the page allows its own script and style alone."""
    elements = parsed(page(compared(), CARD), page(many(30)))

    loading = [(tag, attrs) for tag, attrs in elements.found if {"src", "srcset", "data", "action"} & attrs.keys()]
    links = {attrs["href"] for tag, attrs in elements.found if "href" in attrs}
    assert loading == []
    assert {href for href in links if not (href or "").startswith("#")} == {"data:,"}
    policy = next(attrs["content"] or "" for tag, attrs in elements.found if attrs.get("http-equiv"))
    (style,), (_, script) = elements.inside["style"], elements.inside["script"]
    assert policy == (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    assert not re.search(r"@import|url\(|https?://(?!www\.w3\.org/2000/svg)", style + script)
    assert [
        attrs for _, attrs in elements.found if "style" in attrs or any(key.startswith("on") for key in attrs)
    ] == []


def _hash(content: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"


def test_hostile_names_and_values_stay_text() -> None:
    """Names, types, values, paths, notes, outputs and cards that try to be markup add no element to the page."""
    calm, hostile = (parsed(page(_everywhere(word), _card(word))) for word in ("calm", HOSTILE))

    assert [tag for tag, _ in hostile.found] == [tag for tag, _ in calm.found]
    assert "{{ 7*7 }}" in hostile.text
    assert "\x00" not in hostile.text
    assert HOSTILE.replace("\u202e", "\ufffd") in hostile.data[1]["inputs"]


def test_no_text_turns_the_page_around() -> None:
    """Signs that reverse what follows them are shown as such, in the page and in what its script is given."""
    made = plan_html([page(_everywhere("a\u202eb\u2066c\u2028d"))], "0.1.0")

    assert "a\ufffdb\ufffdc\ufffdd" in made
    assert not re.search(r"[\u2028-\u202e\u2066-\u2069]|\\u20(2[89a-e]|6[6-9])", made)


def _everywhere(word: str) -> dict[str, Any]:
    made = compared(name=word)
    made["stack"] = made["project"] = word
    made["resources"][1]["inputs"] = {word: {word: [word]}}
    made["resources"][1]["source"] = {"file": word, "line": 1}
    made["diff"][1]["properties"] = [{"path": word, "before": word, "after": [word]}]
    made["diff"][1]["unclear"] = [word]
    made["diff"].append({"urn": f"{PREFIX}{word}::{word}", "action": word, "properties": []})
    return made | {"outputs": {word: {word: word}}, "notes": [{"subject": word, "message": word}]}


def _card(word: str) -> EndpointCard:
    return EndpointCard(name=word, kind=word, where=word, address=word, facts=(Fact(label=word, value=word),))


def test_what_nobody_can_tell_is_no_change() -> None:
    """A resource that stays, with properties that are not known yet, is listed apart from the changes."""
    made = compared()
    same = {"urn": made["resources"][2]["urn"], "action": "same", "properties": [], "unclear": ["image"]}

    text = parsed(page(made | {"diff": [*made["diff"], same]})).text

    assert "Changes 3" in text
    assert "1 resource with properties that nobody knows yet model aws:sagemaker/Model image" in text


def test_a_secret_is_only_called_one() -> None:
    """The plan's `[secret]` is shown as that, before and after."""
    text = parsed(page(compared())).text

    assert "token before: [secret] → after: [secret]" in text


def test_the_same_stacks_give_the_same_bytes() -> None:
    """Nothing of the page depends on when, where or how often it is made."""
    first, second = (plan_html([page(compared(), CARD), page(many(50))], "0.1.0") for _ in range(2))

    assert first == second


def test_a_page_grows_with_the_plan_and_no_faster() -> None:
    """Ten times the resources make at most ten times the page; a resource takes about a kilobyte besides its values."""
    small, large = (len(plan_html([page(many(count))], "0.1.0")) for count in (100, 1_000))

    assert large < 10 * small
    assert large < 1_500_000


def test_neighbours_are_numbers_over_all_stacks() -> None:
    """What a resource needs and what holds it are named by their places on the page, the second stack's too."""
    data = parsed(page(compared()), page(compared())).data

    assert [entry.get("needs") for entry in data] == [None, None, [1], None, None, [4]]
    assert [entry.get("parent") for entry in data] == [None, 0, 0, None, 3, 3]


def test_a_damaged_plan_is_still_a_page() -> None:
    """Parents in a circle, numbers that JSON does not have, what is no list: nothing is lost, nothing fails."""
    one, two = resource("a:b:C", "one", "a:b:C::two"), resource("a:b:C", "two", "a:b:C::one")
    odd = resource("a:b:C", "odd", inputs={"half": float("nan")}, source=None, dependsOn="x")

    elements = parsed(page(plan([one, two, odd, 7], outputs=[], notes="x", summary=[])))  # type: ignore[list-item]

    assert [attrs["id"] for tag, attrs in elements.found if tag == "li" and "data-n" in attrs] == ["r0", "r1", "r2"]
    assert {"half": "nan"} in [entry.get("inputs") for entry in elements.data]
    assert [entry.get("parent") for entry in elements.data] == [None, None, 1]


def test_a_long_chain_of_components_is_no_recursion() -> None:
    """A thousand components inside each other are a thousand rows."""
    chain = [resource("shop:a:B", f"c{at}", f"shop:a:B::c{at - 1}" if at else "") for at in range(1_000)]

    assert 'data-n="999"' in plan_html([page(plan(chain))], "0.1.0")


@pytest.mark.parametrize("count", [0, 1])
def test_a_small_stack_is_a_small_page(count: int) -> None:
    """A program that registers nothing, or one thing, has its page too."""
    text = parsed(page(plan([resource("a:b:C", "one")] * count))).text

    assert ("The program registers no resource." in text) is (count == 0)
    assert "Not compared with a state. Policies: clean" in text
