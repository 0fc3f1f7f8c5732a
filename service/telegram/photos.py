"""A photo of a chat as a part of a message that models take."""

import base64
from collections.abc import Sequence
from io import BytesIO
from typing import Any

from aiogram import Bot
from aiogram.exceptions import TelegramNetworkError
from aiogram.methods import GetFile
from aiogram.types import PhotoSize
from aiohttp import ClientError

ENCODED = 4 / 3
"""Characters of base64 for a byte."""
ENVELOPE = 500
"""Bytes of a message with a photo beside photo and caption, rounded up."""


async def photo_part(bot: Bot, sizes: Sequence[PhotoSize], most: int) -> dict[str, Any]:
    """Return a photo in the largest of its sizes that fits in `most` bytes.

    Telegram offers the smallest first.

    Raises:
        TelegramAPIError: If Telegram does not hand it out.
    """
    fitting = [s for s in sizes if (s.file_size or 0) * ENCODED + ENVELOPE <= most]
    id = (fitting or sizes[:1])[-1].file_id
    file, content = await bot.get_file(id), BytesIO()
    try:
        await bot.download_file(str(file.file_path), content)
    except (ClientError, TimeoutError) as error:
        said = f"The photo did not come: {type(error).__name__}"
        raise TelegramNetworkError(GetFile(file_id=id), said) from error
    encoded = base64.b64encode(content.getvalue()).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{encoded}"}}
