"""What the offline model says beside quotations, in the languages it speaks.

The texts stand in `texts.toml`; those of English in `answers.py`.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

ENGLISH = "en"


@dataclass(frozen=True)
class Texts:
    """The short texts of one language."""

    hello: str
    noted: str
    told: str
    """Before what the user said on a `{day}`."""
    here: str
    """Before what was said in this conversation."""
    near: str
    """Before what may be meant."""
    unknown: str
    forgot: str
    cannot_forget: str
    """Where nothing says what is to be forgotten: how to say it, and where to delete it."""


@cache
def texts(code: str | None) -> Texts | None:
    """Return the texts of a language; None for one that it does not speak."""
    table = _tables().get(code or "")
    return Texts(**table) if table else None


def languages() -> tuple[str, ...]:
    """Return the languages that it answers in (ISO 639-1), English first."""
    return ENGLISH, *sorted(_tables())


@cache
def _tables() -> dict[str, dict[str, str]]:
    return tomllib.loads(files("models.offline").joinpath("texts.toml").read_text("utf-8"))
