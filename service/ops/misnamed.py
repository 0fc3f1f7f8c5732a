"""Variables that look like settings and are none, each with the name that was probably meant."""

import os
from collections.abc import Iterable
from difflib import get_close_matches

from dotenv import dotenv_values

from domain.tiers import Tier
from settings import PREFIX, Settings

FOR_TESTS = "MNEMO_TEST_"
"""What variables begin with that only the tests read."""
TIERS = f"{PREFIX}TIERS"


def misnamed(names: Iterable[str] | None = None) -> list[str]:
    """Return a sentence for each variable that looks like a setting and is none.

    Without names, the environment and the file `.env` are looked at.
    """
    if names is None:
        names = (*os.environ, *dotenv_values(".env"))
    names = sorted({name.upper() for name in names})
    fields = {f"{PREFIX}{name}".upper(): field for name, field in Settings.model_fields.items()}
    tiers = [variable for variable, field in fields.items() if field.annotation is Tier]
    tiers += [name.rpartition("__")[0] for name in names if _is_part_of_a_tier(name)]
    settings = [
        *fields,
        *(f"{tier}__{part}".upper() for tier in tiers for part in Tier.model_fields),
    ]
    sentences = []
    for name in names:
        setting, _, part = name.partition("__")
        free = part and setting in fields and setting not in tiers and not _is_part_of_a_tier(name)
        if not name.startswith(PREFIX) or name.startswith(FOR_TESTS) or name in settings or free:
            continue
        near = get_close_matches(name, settings, n=1, cutoff=0.0)
        sentences.append(f"{name} is no setting and changes nothing: did you mean {near[0]}?")
    return sentences


def _is_part_of_a_tier(name: str) -> bool:
    return name.startswith(f"{TIERS}__") and name.count("__") == 2
