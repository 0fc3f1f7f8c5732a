"""What the offline model says beside quotations, in the languages it speaks: `texts.toml`."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from domain.text.languages import ENGLISH

Texts = Mapping[str, str]
"""The short texts of one language, by name."""


@cache
def all_texts() -> dict[str, Texts]:
    """Return the texts of each language that it answers in."""
    tables = tomllib.loads(files("models.offline").joinpath("texts.toml").read_text("utf-8"))
    return {code: {"code": code, **table} for code, table in tables.items()}


def texts_of(code: str | None) -> Texts:
    """Return the texts of a language; the English ones where it is not spoken."""
    return all_texts().get(code or ENGLISH, all_texts()[ENGLISH])
