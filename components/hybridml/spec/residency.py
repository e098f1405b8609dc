"""Where the regions of the clouds are. Unlisted regions contradict nothing.

Sources: AWS "Regions and Availability Zones", Google Cloud "Geography and regions".
"""

from __future__ import annotations

from typing import Final

_COUNTRIES: Final = {
    "eu-central-1": "de",
    "eu-central-2": "ch",
    "eu-north-1": "se",
    "eu-south-1": "it",
    "eu-south-2": "es",
    "eu-west-1": "ie",
    "eu-west-2": "gb",
    "eu-west-3": "fr",
    "europe-central2": "pl",
    "europe-north1": "fi",
    "europe-north2": "se",
    "europe-southwest1": "es",
    "europe-west1": "be",
    "europe-west10": "de",
    "europe-west12": "it",
    "europe-west2": "gb",
    "europe-west3": "de",
    "europe-west4": "nl",
    "europe-west6": "ch",
    "europe-west8": "it",
    "europe-west9": "fr",
}
_PREFIXES: Final = {
    "us-": "us",
    "ca-": "ca",
    "northamerica-northeast": "ca",
    "northamerica-south": "mx",
    "mx-": "mx",
    "sa-east": "br",
    "southamerica-east": "br",
    "southamerica-west": "cl",
    "ap-northeast-1": "jp",
    "ap-northeast-2": "kr",
    "ap-northeast-3": "jp",
    "ap-south-": "in",
    "ap-southeast-1": "sg",
    "ap-southeast-2": "au",
    "ap-southeast-3": "id",
    "ap-southeast-4": "au",
    "ap-southeast-5": "my",
    "ap-southeast-7": "th",
    "ap-east-1": "hk",
    "asia-east1": "tw",
    "asia-east2": "hk",
    "asia-northeast1": "jp",
    "asia-northeast2": "jp",
    "asia-northeast3": "kr",
    "asia-south": "in",
    "asia-southeast1": "sg",
    "asia-southeast2": "id",
    "australia-": "au",
    "af-south-1": "za",
    "africa-south1": "za",
    "il-central-1": "il",
    "me-west1": "il",
    "me-central-1": "ae",
    "me-central1": "qa",
    "me-central2": "sa",
    "me-south-1": "bh",
    "cn-": "cn",
}
_UNION: Final = frozenset(
    {"at", "be", "bg", "hr", "cy", "cz", "dk", "ee", "fi", "fr", "de", "gr", "hu", "ie"}
    | {"it", "lv", "lt", "lu", "mt", "nl", "pl", "pt", "ro", "sk", "si", "es", "se"}
)


def country(region: str) -> str | None:
    """Two letters of the country that `region` is in; None for a region that is not listed."""
    if region in _COUNTRIES:
        return _COUNTRIES[region]
    longest = max((prefix for prefix in _PREFIXES if region.startswith(prefix)), key=len, default=None)
    return _PREFIXES[longest] if longest else None


def contradiction(region: str, residency: str) -> str | None:
    """The country of `region` where that is outside `residency` (a country, or "eu"), else None."""
    where = country(region)
    if where is None or where == residency or (residency == "eu" and where in _UNION):
        return None
    return where
