"""The characters as assistants of a LangGraph server, for Studio and chat clients to offer."""

from uuid import NAMESPACE_OID, uuid5

from langgraph_sdk import get_client

from settings import Settings

SYSTEM = {"created_by": "system"}
"""The metadata of assistants that everybody may use and nobody may change."""


def assistant_of(character_id: str) -> str:
    """Return the id of a character's assistant."""
    return str(uuid5(NAMESPACE_OID, f"mnemograph\n{character_id}"))


def character_of(settings: Settings, assistant_id: str) -> str | None:
    """Return the character that an assistant is; None for any other assistant."""
    return next((id for id in settings.characters if assistant_of(id) == assistant_id), None)


async def offer_characters(settings: Settings) -> None:
    """Make the assistants of the characters on the server that this process is."""
    if not settings.characters:
        return
    assistants = get_client().assistants
    for id, character in settings.characters.items():
        name, context = character.name or id, {"character_id": id}
        at = assistant_of(id)
        await assistants.create(
            "chat",
            assistant_id=at,
            name=name,
            context=context,
            metadata=SYSTEM,
            if_exists="do_nothing",
        )
        await assistants.update(at, name=name, context=context)  # It may have changed since.
