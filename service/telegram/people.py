"""Who a Telegram user is elsewhere, and whom they talk with."""

from dataclasses import dataclass

from aiogram.types import User

from domain.characters import Character
from domain.owner import DEFAULT_CHARACTER, Owner
from service.telegram.inbox import Inbox
from settings import Settings


@dataclass(frozen=True)
class People:
    """The users of the bot, by the settings and their own choices."""

    settings: Settings
    inbox: Inbox

    def may_talk(self, user: User) -> bool:
        """Return whether the bot answers a user."""
        return not self.settings.telegram_users or user.id in self.settings.telegram_users

    def user_id(self, user: User) -> str:
        """Return the id by which a Telegram user is known on every channel."""
        return self.settings.telegram_users.get(user.id, f"telegram:{user.id}")

    async def owner(self, user: User) -> Owner:
        """Return a user with the character they chose; the first one until they choose."""
        id = self.user_id(user)
        owners = self.owners(id)
        chosen = Owner(id, await self.inbox.character(id) or DEFAULT_CHARACTER)
        return chosen if chosen in owners else owners[0]  # The characters may have changed since.

    def owners(self, user_id: str) -> list[Owner]:
        """Return a user with each character that there is."""
        return [Owner(user_id, id) for id in self.settings.characters or (DEFAULT_CHARACTER,)]

    def character(self, owner: Owner) -> Character:
        """Return what is described of the character of an owner."""
        return self.settings.characters.get(owner.character_id, Character())

    def name(self, owner: Owner) -> str:
        """Return how people see the character of an owner."""
        return self.character(owner).name or owner.character_id
