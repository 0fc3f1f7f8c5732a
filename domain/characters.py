"""The characters that users talk with, as a TOML text describes them. Reads no file."""

import tomllib

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from domain.records import Id


class Character(BaseModel):
    """Somebody to talk with, as one table of the characters' file describes them."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(default="", description="How people see it. Empty: its id.")
    persona: str | None = Field(default=None, description="Who it is and how it speaks.")
    model: str | None = Field(default=None, description="Which model replies as it.")
    tier: str | None = Field(default=None, description="What its users get.")
    greeting: str = Field(default="", description="What a new conversation begins with.")


PARTS = tuple(Character.model_fields)
_CHARACTERS = TypeAdapter(dict[Id, Character])


def read_characters(text: str) -> dict[str, Character]:
    """Return the characters of a TOML text, by id: the name of each table.

    Raises:
        ValueError: If it is no TOML, or a table holds something else; one sentence.
    """
    try:
        return _CHARACTERS.validate_python(tomllib.loads(text))
    except ValidationError as error:
        raise ValueError(_sentence(error)) from error
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{error}.") from error


def _sentence(error: ValidationError) -> str:
    """Return what is wrong with the first bad table, and what it may hold."""
    problem = error.errors()[0]
    where = ".".join(map(str, problem["loc"]))
    match problem["type"]:
        case "extra_forbidden":
            return f"{where} is no part of a character; these are: {', '.join(PARTS)}."
        case "model_type":
            return f"{where} must be a table, as [{where}]."
    return f"{where}: {problem['msg']}."
