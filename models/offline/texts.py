"""What the offline model says beside quotations, in the languages it speaks: `texts.toml`."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from domain.text.languages import ENGLISH


@dataclass(frozen=True)
class Texts:
    """The short texts of one language."""

    code: str
    """The language (ISO 639-1)."""
    hello: str
    noted: str
    on_day: str
    """Before what the user said on a `{day}`."""
    here: str
    """Before what was said in this conversation."""
    i_said: str
    """Before what the assistant said."""
    near: str
    """Before what may be meant."""
    unknown: str
    forgot: str
    cannot_forget: str
    """Where nothing says what is to be forgotten: how to say it, and where to delete it."""


@cache
def all_texts() -> dict[str, Texts]:
    """Return the texts of each language that it answers in."""
    tables = tomllib.loads(files("models.offline").joinpath("texts.toml").read_text("utf-8"))
    return {code: Texts(code, **table) for code, table in tables.items()}


def texts_of(code: str | None) -> Texts:
    """Return the texts of a language; the English ones where it is not spoken."""
    return all_texts().get(code or ENGLISH, all_texts()[ENGLISH])
