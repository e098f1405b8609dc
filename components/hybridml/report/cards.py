"""What a page says about an endpoint. Whoever knows endpoints fills the cards in; the page only lays them out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Share:
    """A part of the traffic."""

    name: str
    """Who gets it: `champion`."""
    version: str
    percent: float
    """0 to 100; the shares of a card add up to 100."""
    source: str = ""
    """Where it was written: `infra/endpoints/churn.yaml:27`; empty when nobody wrote it."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version that is served."""

    name: str
    format: str
    artifact: str
    """Where its bytes lie."""
    digest: str = ""
    """SHA-256 of the artifact; empty while nobody knows it."""
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something else worth a line: `rollout`, `access`, `capture`."""

    label: str
    value: str
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What can be asked of a target, and its answer."""

    name: str
    """The path that asks for it: `traffic.shadow`."""
    asked: bool
    """Whether this endpoint asks for it."""
    refusal: str = ""
    """Why it is refused; empty when it is kept."""
    fix: str = ""
    """What to do instead, where it is refused."""


@dataclass(frozen=True, kw_only=True)
class EndpointCard:
    """An endpoint on the target that serves it."""

    name: str
    kind: str
    """Kind of the target: `kubernetes`."""
    where: str
    """The target itself, in a few words: `datacenter, on premises, data stays in de`."""
    address: str
    """Where it answers; empty while nobody knows."""
    source: str = ""
    shares: tuple[Share, ...] = ()
    versions: tuple[Version, ...] = ()
    facts: tuple[Fact, ...] = ()
    promises: tuple[Promise, ...] = ()
