"""The files of an endpoint as text: its own, its entry in a stack, its model card. Comments of a person stay."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hybridml.errors import ConfigurationError, Problem
from hybridml.onboarding.project import template

if TYPE_CHECKING:
    from ruamel.yaml import YAML

_INDENTS: Final = ((2, 4, 2), (2, 2, 0), (4, 4, 2), (4, 6, 4), (4, 4, 0))
"""Ways to indent mappings, lists, and the dashes of lists; the one that leaves a file as it is is taken."""
_SHARE: Final = 10
"""Percent of the requests that a challenger takes over from the champion."""
_WHY: Final = """Few requests come to a laptop, so there is nothing to judge a canary by:
a new version takes over once it is healthy."""


class Role(StrEnum):
    """What a new version of an endpoint is for."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    SHADOW = "shadow"


@dataclass(frozen=True, kw_only=True)
class NewVersion:
    """A version that is to be written down."""

    endpoint: str
    version: str
    uri: str
    sha256: str
    format: str
    card: str
    data: str | None
    """Digest of the data file."""
    run: str
    """Digest of the file that training wrote."""
    flavour: str
    columns: tuple[str, ...]
    target: str | None
    baseline: str | None

    @property
    def lineage(self) -> Mapping[str, str]:
        """Data and run as the specification names them."""
        data = {"data": f"sha256:{self.data}"} if self.data else {}
        return {**data, "run": f"sha256:{self.run}"}


def new_endpoint(version: NewVersion, *, owner: str, data_class: str) -> str:
    """The file of an endpoint with its first version."""
    lineage = ", ".join(f'{key}: "{value}"' for key, value in version.lineage.items())
    return template(
        "endpoint.yaml",
        name=version.endpoint,
        owner=owner,
        data_class=data_class,
        version=version.version,
        uri=version.uri,
        sha256=version.sha256,
        format=version.format,
        card=version.card,
        lineage=lineage,
        monitors=_monitors(version),
    )


def _monitors(version: NewVersion) -> str:
    """What looks at requests, as a comment to take up where the target keeps them."""
    where = version.baseline or f"baselines/{version.endpoint}/{version.version}.json"
    return template("monitors.txt", baseline=where).rstrip("\n")


def with_version(text: str, version: NewVersion, role: Role, label: str) -> str:
    """The file of an endpoint, `text`, with one more version in that role. `label` is what messages call the file."""
    yaml, document = _loaded(text, label)
    entry = yaml.load(_flowing(version))
    document["versions"].insert(0, _quoted(version.version), entry)
    traffic = document["traffic"]
    if role is Role.CHAMPION:
        traffic["champion"]["version"] = _quoted(version.version)
    elif role is Role.CHALLENGER:
        _challenge(traffic, version)
    else:
        traffic["shadow"] = yaml.load(f'{{version: "{version.version}", sample: 100}}')
    return _dumped(yaml, document)


def _challenge(traffic: Any, version: NewVersion) -> None:
    """A challenger in place of one that is there, with its weight; otherwise with a tenth of the champion's."""
    held = traffic.get("challenger")
    if held is not None:
        held["version"] = _quoted(version.version)
        return
    champion = traffic["champion"]
    weight = champion.get("weight", 100)
    champion["weight"] = weight - _SHARE
    traffic["challenger"] = {"version": _quoted(version.version), "weight": _SHARE}
    traffic["challenger"] = _flow(traffic["challenger"])


def _flow(mapping: Mapping[str, Any]) -> Any:
    from ruamel.yaml.comments import CommentedMap

    flowing = CommentedMap(mapping)
    flowing.fa.set_flow_style()
    return flowing


def _quoted(text: str) -> Any:
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    return DoubleQuotedScalarString(text)


def _flowing(version: NewVersion) -> str:
    lineage = ", ".join(f'{key}: "{value}"' for key, value in version.lineage.items())
    artifact = f"artifact:\n  uri: {version.uri}\n  sha256: {version.sha256}\n"
    return f"{artifact}format: {version.format}\ncard: {version.card}\nlineage: {{{lineage}}}\n"


def with_entry(text: str, endpoint: str, target: str, port: int, label: str) -> str:
    """A stack file, `text`, that also places the endpoint on `target`, at `port`."""
    yaml, document = _loaded(text, label)
    config = document["config"]
    entry = yaml.load(template("entry.yaml", target=target, port=port))
    entry.yaml_set_comment_before_after_key("rollout", before=_WHY, indent=3 * (yaml.map_indent or 2))
    key = "hybridml:endpoints"
    if config.get(key):
        config[key][endpoint] = entry
    else:
        from ruamel.yaml.comments import CommentedMap

        config[key] = CommentedMap({endpoint: entry})
    return _dumped(yaml, document)


def _loaded(text: str, label: str) -> tuple[YAML, Any]:
    """The document and a YAML that writes it as it is. Errors: `ConfigurationError` where it is not to be edited."""
    from ruamel.yaml.error import YAMLError

    try:
        choices = [(yaml := _yaml(*indents), yaml.load(text)) for indents in _INDENTS]
    except YAMLError:
        raise ConfigurationError([Problem(file=label, message="is not YAML", fix="correct it first")]) from None
    return next((pair for pair in choices if _dumped(*pair) == text), choices[0])


def _yaml(mapping: int, sequence: int, offset: int) -> YAML:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1 << 16
    yaml.indent(mapping=mapping, sequence=sequence, offset=offset)
    yaml.representer.add_representer(type(None), lambda it, _: it.represent_scalar("tag:yaml.org,2002:null", "null"))
    return yaml


def _dumped(yaml: YAML, document: Any) -> str:
    stream = io.StringIO()
    yaml.dump(document, stream)
    return stream.getvalue()


def card(held: str | None, version: NewVersion, *, owner: str, statistics: Mapping[str, Any] | None) -> str:
    """The model card: a new one, or the one that is `held` with a section for the version."""
    section = template(
        "card_version.md",
        version=version.version,
        flavour=_plain(version.flavour),
        columns=", ".join(f"`{_plain(column)}`" for column in version.columns) or "see its signature",
        target=f"`{_plain(version.target)}`" if version.target else "to be written",
        rows=f"{statistics['rows']} rows, sha256 `{version.data}`" if statistics else "none given",
        baseline=f"`{version.baseline}`" if version.baseline else "none",
        sha256=version.sha256,
    )
    head = held.rstrip("\n") + "\n" if held is not None else template("card.md", name=version.endpoint, owner=owner)
    return f"{head}\n{section}"


def _plain(text: str) -> str:
    """A name that somebody gave, such as a column's, as it may stand in a table of Markdown."""
    shown = "".join(sign if sign.isprintable() else json.dumps(sign)[1:-1] for sign in text)
    return shown.replace("|", "\\|").replace("`", "'")


def read(path: Path) -> str | None:
    """The text of a file; None where there is none. Errors: `ConfigurationError` where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        message = f"cannot be read: {error}"
        raise ConfigurationError([Problem(file=str(path), message=message, fix="save it as UTF-8")]) from None
