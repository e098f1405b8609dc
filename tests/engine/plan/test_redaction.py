"""One collector and one pen for every secret: what is cut out of what is said, and what a traceback may show."""

from __future__ import annotations

import io

import pytest
from hybridml.engine.redaction import Redacting, hidden_in, redacted, redacted_error, secret_texts, texts_inside
from hybridml.engine.values import Secret
from hybridml.errors import ConfigurationError, HybridMLError, Problem


@pytest.mark.parametrize(
    ("message", "texts", "expected"),
    [
        ("the word sesame-open, sesame-opened", ("sesame-open",), "the word [secret], [secret]ed"),
        ("pin 1234 of 12345, a1234, (1234)", ("1234",), "pin [secret] of 12345, a1234, ([secret])"),
        ("a.b and axb", ("a.b",), "[secret] and axb"),
        ("nothing", (), "nothing"),
    ],
)
def test_long_secrets_go_anywhere_and_short_ones_as_words(message: str, texts: tuple[str, ...], expected: str) -> None:
    """A short one inside another word stands there by chance."""
    assert redacted(message, texts) == expected


def test_a_secret_written_in_pieces_is_cut_out() -> None:
    """Wherever it is cut, flushed or not; what only begins like one is written once that is known, or at the end."""
    secret = "sesame-open"
    for cut in range(1, len(secret)):
        out = io.StringIO()
        stream = Redacting(out, (secret, "open-door"))
        for piece in ("it is ", secret[:cut], secret[cut:], ", not ses", "ames, or o"):
            stream.write(piece)
            stream.flush()
        stream.finish()

        assert out.getvalue() == "it is [secret], not sesames, or o", cut


def test_both_collectors_agree() -> None:
    """What is secret in a configuration and in the inputs of a resource is looked for alike, in all its spellings."""
    quoted = 'say "sesame"'

    assert secret_texts({"a:b": quoted, "a:c": "abc"}, frozenset({"a:b", "a:c"})) == texts_inside(
        {"x": [Secret({"y": quoted, "z": "abc", "n": 5})], "open": "not secret"}
    )


def test_an_error_remembers_what_must_not_be_shown_with_it() -> None:
    """Along the chain of what led to it, even when that is a circle."""
    inner = ValueError("sesame-open")
    error = redacted_error(ConfigurationError([Problem(message="is sesame-open")]), ("sesame-open",))
    outer = HybridMLError("no")
    outer.__cause__, error.__cause__, inner.__context__ = error, inner, outer

    assert str(error) == "is [secret]"
    assert hidden_in(outer) == ("sesame-open",)
