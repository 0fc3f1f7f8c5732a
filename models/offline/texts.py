"""What the offline model says beside quotations, in the languages it speaks.

The texts stand in `texts.toml`.
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

    code: str
    """The language (ISO 639-1)."""

    @property
    def english(self) -> bool:
        """Whether notes and what the model said are quoted as such: English has words for it."""
        return self.code == ENGLISH


@cache
def texts_of(code: str | None) -> Texts:
    """Return the texts of a language (ISO 639-1); the English ones where it is not spoken."""
    tables = _tables()
    if code is None or code not in tables:
        code = ENGLISH
    return Texts(code=code, **tables[code])


def languages() -> tuple[str, ...]:
    """Return the languages that it answers in (ISO 639-1), English first."""
    return ENGLISH, *sorted(_tables().keys() - {ENGLISH})


@cache
def _tables() -> dict[str, dict[str, str]]:
    return tomllib.loads(files("models.offline").joinpath("texts.toml").read_text("utf-8"))
