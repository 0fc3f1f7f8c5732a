"""The doctor's row about Telegram: whether the bot's token is good, and who takes its updates."""

from collections.abc import Mapping
from typing import Any

import httpx

from service.ops.doctor import Check, State, because
from settings import Settings

NAME = "telegram"
SECONDS = 5.0
"""How long Telegram may take for an answer."""


async def check_telegram(settings: Settings) -> list[Check]:
    """Ask Telegram who the bot is, and whether its updates go elsewhere."""
    if settings.telegram_token is None:
        text = f"No bot {because(settings, 'telegram_token')}; not needed but for `mnemo telegram`."
        return [Check(NAME, "ok", text)]
    token = settings.telegram_token.get_secret_value().strip()
    base = f"{settings.telegram_api_url.rstrip('/')}/bot{token}"
    try:
        async with httpx.AsyncClient(timeout=SECONDS) as client:
            me = (await client.post(f"{base}/getMe")).json()
            webhook = (await client.post(f"{base}/getWebhookInfo")).json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):  # Its text may hold the token.
        return [_row("fail", f"No Bot API answers at {settings.telegram_api_url}.")]
    if not isinstance(me, Mapping) or not me.get("ok"):
        text = "Telegram does not know the token in MNEMO_TELEGRAM_TOKEN: copy it from @BotFather."
        return [_row("fail", text)]
    return [_of_bot(me["result"], webhook.get("result") or {})]


def _of_bot(me: Mapping[str, Any], webhook: Mapping[str, Any]) -> Check:
    name, waiting = me.get("username", me["id"]), webhook.get("pending_update_count", 0)
    if webhook.get("url"):
        text = f"@{name} sends its messages to a webhook; `mnemo telegram` takes them from there."
        return _row("warn", text)
    return _row("ok", f"@{name} answers; {waiting} messages wait for `mnemo telegram`.")


def _row(state: State, text: str) -> Check:
    return Check(NAME, state, text)
