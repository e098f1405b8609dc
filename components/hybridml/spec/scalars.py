"""The words a spec is written in: one spelling for each kind of value, and the numbers behind it.

A spelling is a regular expression that the loader, the JSON Schema and the reference share. What it means in
plain words stands in `SPELLINGS`, so that an error can say it.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

SPELLINGS: Final[dict[str, str]] = {}
"""Regular expression of a spelling → how to write it."""


def spelled(pattern: str, meaning: str) -> str:
    """Register what `pattern` means in plain words, and return it."""
    SPELLINGS[pattern] = meaning
    return pattern


class Spelled(str):
    """Text with one spelling; subclasses add what it stands for."""

    __slots__ = ()
    pattern: ClassVar[str] = ""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.str_schema(pattern=cls.pattern, strict=True)
        plain = core_schema.plain_serializer_function_ser_schema(str.__str__, when_used="json")
        return core_schema.no_info_after_validator_function(cls._from, text, serialization=plain)

    @classmethod
    def _from(cls, text: str) -> Self:
        return cls(text)


class Duration(Spelled):
    """A span of time: a whole number and one unit."""

    __slots__ = ()
    pattern = spelled(r"^[1-9][0-9]{0,6}[smhd]$", 'a whole number and s, m, h or d, such as "30s", "10m", "2h" or "1d"')

    @property
    def seconds(self) -> int:
        """Length in seconds."""
        return int(self[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[self[-1]]


class Size(Spelled):
    """An amount of memory or disk, in powers of 1,024."""

    __slots__ = ()
    pattern = spelled(r"^[1-9][0-9]{0,6}[KMGT]i$", 'a whole number and Ki, Mi, Gi or Ti, such as "512Mi" or "2Gi"')

    @property
    def bytes(self) -> int:
        """Amount in bytes."""
        return int(self[:-2]) << 10 * (1 + "KMGT".index(self[-2]))


class Cpu(Spelled):
    """An amount of processor: whole cores, or thousandths of one."""

    __slots__ = ()
    pattern = spelled(r"^[1-9][0-9]{0,6}m?$", 'cores, or thousandths of one with m, as text: "1" or "500m"')

    @property
    def millicores(self) -> int:
        """Amount in thousandths of a core."""
        return int(self[:-1]) if self.endswith("m") else int(self) * 1000


class Image(Spelled):
    """A container image by name and tag, pinned by digest where one is known."""

    __slots__ = ()
    pattern = spelled(
        r"^[a-z0-9]+([._/:-]+[a-z0-9]+)*:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}(@sha256:[0-9a-f]{64})?$",
        "name:tag@sha256:digest; the digest may be left out only while none is known",
    )

    @property
    def name(self) -> str:
        """Registry and repository, without tag and digest."""
        return self.partition("@")[0].rpartition(":")[0]

    @property
    def tag(self) -> str:
        """The tag."""
        return self.partition("@")[0].rpartition(":")[2]

    @property
    def digest(self) -> str | None:
        """`sha256:…`, or None for an image that only its tag names."""
        return self.partition("@")[2] or None


_BYTE = r"(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_LABEL_MEANING = "lower-case letters, digits and inner hyphens"
_PATH = r"[A-Za-z0-9._/][A-Za-z0-9._/@+=-]*"
_BUCKET = r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]"
_KEY = r"(/[A-Za-z0-9._/:@+=%-]*)?"
_PATHS = r"[A-Za-z0-9._/*][A-Za-z0-9._/@+=*-]*"
_KEYS = r"(/[A-Za-z0-9._/:@+=%*-]*)?"
_HOST = r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?"


def word(pattern: str, meaning: str, *, longest: int = 1024) -> StringConstraints:
    """The constraint that text has `pattern`, whose `meaning` errors and the reference repeat."""
    return StringConstraints(strict=True, max_length=longest, pattern=spelled(pattern, meaning))


Text = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=1024)]
Name = Annotated[
    str,
    word(r"^[a-z]([-a-z0-9]*[a-z0-9])?$", f"a letter first, then {_LABEL_MEANING}, at most 40 characters", longest=40),
]
VersionName = Annotated[str, word(rf"^{_LABEL}$", f'{_LABEL_MEANING}, at most 20, as text: "3"', longest=20)]
Sha256 = Annotated[str, word(r"^[0-9a-f]{64}$", "64 lower-case hexadecimal digits")]
ArtifactUri = Annotated[
    str,
    word(
        rf"^((s3|gs)://{_BUCKET}{_KEY}|models:/[A-Za-z0-9._-]+/[1-9][0-9]*|(https|oci)://{_HOST}{_KEY}"
        rf"|pvc://{_LABEL}{_KEY}|{_PATH})$",
        "s3://bucket/key, gs://bucket/key, models:/name/version, oci://…, https://…, pvc://claim/path, or a path "
        "from the project's root; never with credentials inside",
    ),
]
DataUri = Annotated[
    str,
    word(
        rf"^((s3|gs)://{_BUCKET}{_KEYS}|pvc://{_LABEL}{_KEYS}|{_PATHS})$",
        "s3://bucket/key, gs://bucket/key, pvc://claim/path, or a path from the project's root; * stands for any part "
        "of a name; never with credentials inside",
    ),
]
DataFolder = Annotated[
    str,
    word(
        rf"^((s3|gs)://{_BUCKET}{_KEY}|pvc://{_LABEL}{_KEY}|{_PATH})$",
        "s3://bucket/key, gs://bucket/key, pvc://claim/path, or a path from the project's root; never with "
        "credentials inside",
    ),
]
HttpsUrl = Annotated[str, word(rf"^https://{_HOST}{_KEY}$", "https://host/path, without credentials")]
UrlPath = Annotated[str, word(r"^/[A-Za-z0-9._/-]*$", 'a path that starts with "/"', longest=256)]
EnvironmentVariable = Annotated[
    str, word(r"^[A-Za-z_][A-Za-z0-9_]*$", "letters, digits and underscores, no digit first", longest=128)
]
SecretReference = Annotated[
    str,
    word(
        r"^(config:[A-Za-z][A-Za-z0-9_.-]*|kubernetes:[a-z0-9.-]+/[A-Za-z0-9._-]+"
        r"|aws:arn:aws[a-z-]*:secretsmanager:[A-Za-z0-9:/_+=.@-]+|gcp:projects/[a-z0-9-]+/secrets/[A-Za-z0-9_/-]+)$",
        "where the secret is kept, never the secret: config:key, kubernetes:secret/key, aws:arn:…, gcp:projects/…",
        longest=512,
    ),
]
HeaderName = Annotated[
    str, word(r"^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$", f"{_LABEL_MEANING}, as HTTP/2 sends it", longest=64)
]
HeaderValue = Annotated[str, word(r"^[!-~]([ -~]*[!-~])?$", "visible ASCII, matched exactly", longest=256)]
Group = Annotated[
    str, word(r"^[A-Za-z0-9][A-Za-z0-9._-]*$", "the name of a group of callers, without group:", longest=74)
]
Invoker = Annotated[
    str, word(r"^group:[A-Za-z0-9][A-Za-z0-9._-]*$", '"group:" and the name of a group of callers', longest=80)
]
Residency = Annotated[str, word(r"^[a-z]{2}$", 'a country by its two letters, such as "de", or "eu" for the Union')]
Cron = Annotated[
    str,
    word(r"^([0-9*/,-]+ ){4}[0-9*/,-]+$", 'five numeric fields: minute hour day month weekday, such as "0 20 * * 1-5"'),
]
Timezone = Annotated[str, word(r"^[A-Za-z]+([_/+-][A-Za-z0-9]+)*$", 'a tz database name, such as "Europe/Berlin"')]
Cidr = Annotated[
    str,
    word(rf"^({_BYTE}\.){{3}}{_BYTE}/(3[0-2]|[12]?[0-9])$", 'an IPv4 network, such as "10.20.0.0/16"'),
]
Hostname = Annotated[
    str, word(rf"^{_LABEL}(\.{_LABEL})+$", 'a DNS name of two parts or more, such as "ml.acme.example"', longest=200)
]


def _day(value: object) -> date:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        with suppress(ValueError):
            return date.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise PydanticCustomError("hybridml_day", "not a day")


Day = Annotated[date, BeforeValidator(_day)]
Port = Annotated[int, Field(strict=True, ge=1024, le=65535)]
Whole = Annotated[int, Field(strict=True)]
Positive = Annotated[int, Field(strict=True, ge=1)]
Natural = Annotated[int, Field(strict=True, ge=0)]
Weight = Annotated[int, Field(strict=True, ge=0, le=100)]
Step = Annotated[int, Field(strict=True, ge=1, le=99)]
Sample = Annotated[float, Field(strict=True, gt=0, le=100, allow_inf_nan=False)]
Ratio = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
Confidence = Annotated[float, Field(strict=True, gt=0.5, lt=1, allow_inf_nan=False)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
