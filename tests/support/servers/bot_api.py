"""Telegram's Bot API on loopback: users to write as, what they see, and its faults.

Test tooling only: nothing here is a test. It knows nothing of this project.
"""

import asyncio
import json
import socket
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

TOKEN = "42:AAtest-token-of-a-loopback-bot-00000"
ME = {"id": 42, "is_bot": True, "first_name": "Memory", "username": "memory_bot"}
LONGEST = 4096
"""UTF-16 units of a message."""


@dataclass(frozen=True)
class Refusal:
    """An error answer."""

    status: int
    description: str
    retry_after: int | None = None
    hangs: bool = False
    """Do it, and never answer: the connection breaks when the client gives up."""


@dataclass
class Shown:
    """A message of the bot as its user sees it."""

    id: int
    text: str
    fields: dict[str, Any]
    edits: list[str] = field(default_factory=list)
    file: bytes | None = None


class BotAPI:
    """The server as a test sees it."""

    def __init__(self) -> None:
        self.url = ""
        self.updates: list[dict[str, Any]] = []
        """Those that the bot has not acknowledged."""
        self.chats: dict[int, list[Shown]] = {}
        """What the bot said, by chat."""
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.faults: defaultdict[str, deque[Refusal]] = defaultdict(deque)
        """The next answers of a method that are errors."""
        self.odd: defaultdict[str, deque[Any]] = defaultdict(deque)
        """The next answers of a method that are JSON, and no more than that."""
        self.files: dict[str, bytes] = {}
        self.webhook = ""
        self._ids, self._changed = count(1), asyncio.Event()

    # What users do

    def write(self, text: str | None, user: int = 7, **more: Any) -> int:
        """Send a message to the bot; return its id."""
        id = next(self._ids)
        self._update("message", self._message(id, user, text, more))
        return id

    def edit(self, id: int, text: str, user: int = 7) -> None:
        """Edit a message."""
        self._update("edited_message", self._message(id, user, text, {"edit_date": 1}))

    def press(self, shown: Shown, label: str, user: int = 7) -> None:
        """Press a button below a message of the bot."""
        rows = shown.fields["reply_markup"]["inline_keyboard"]
        data = next(b["callback_data"] for row in rows for b in row if b["text"] == label)
        query = {
            "id": str(next(self._ids)),
            "from": self._user(user),
            "chat_instance": "1",
            "message": self._message(shown.id, user, shown.text, {"from": ME}),
            "data": data,
        }
        self._update("callback_query", query)

    def photo(self, caption: str | None, sizes: list[bytes], user: int = 7) -> int:
        """Send a photo in several sizes."""
        offered = []
        for at, content in enumerate(sizes):
            name = f"photo{len(self.files)}.jpg"
            self.files[name] = content
            offered.append(
                {
                    "file_id": name,
                    "file_unique_id": name,
                    "width": 90 << at,
                    "height": 90 << at,
                    "file_size": len(content),
                }
            )
        return self.write(None, user, photo=offered, **({"caption": caption} if caption else {}))

    def says(self, user: int = 7) -> list[str]:
        """Return what the bot's messages to a user say now."""
        return [shown.text for shown in self.chats.get(user, [])]

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(200):
            while not true():  # noqa: ASYNC110 (it is about anything that a test may ask)
                await asyncio.sleep(0.01)

    async def idle(self) -> None:
        """Wait until every update is acknowledged."""
        await self.until(lambda: not self.updates)

    def _update(self, kind: str, value: dict[str, Any]) -> None:
        self.updates.append({"update_id": 1000 + next(self._ids), kind: value})
        self._changed.set()

    def _message(self, id: int, user: int, text: str | None, more: Any) -> dict[str, Any]:
        chat = {"id": user, "type": "private", "first_name": "Alex"}
        message: dict[str, Any] = {
            "message_id": id,
            "date": 1,
            "chat": chat,
            "from": self._user(user),
        }
        said = {"text": text} if text is not None else {}
        return {**message, **said, **more}

    def _user(self, id: int) -> dict[str, Any]:
        return {"id": id, "is_bot": False, "first_name": "Alex"}

    # What the bot does

    async def call(self, request: Request) -> Response:
        """POST /bot<token>/<method>."""
        method = request.path_params["method"]
        if request.path_params["token"] != TOKEN:
            return self._refused(Refusal(401, "Unauthorized"))
        form: dict[str, Any] = dict(await request.form())
        for name in ("reply_markup", "reply_parameters", "link_preview_options", "commands"):
            if name in form:
                form[name] = json.loads(form[name])
        if method != "getUpdates":
            self.calls.append((method, form))
        fault = self.faults[method].popleft() if self.faults.get(method) else None
        if fault is not None and not fault.hangs:
            return self._refused(fault)
        if self.odd.get(method):
            return JSONResponse(self.odd[method].popleft())
        handler = getattr(self, f"_{method}", None)
        result = await handler(form) if handler else True
        if isinstance(result, Refusal):
            return self._refused(result)
        if fault is not None:
            await asyncio.sleep(3600)
        return JSONResponse({"ok": True, "result": result})

    def _refused(self, fault: Refusal) -> Response:
        body: dict[str, Any] = {"ok": False, "error_code": fault.status}
        body["description"] = fault.description
        if fault.retry_after is not None:
            body["parameters"] = {"retry_after": fault.retry_after}
        return JSONResponse(body, fault.status)

    async def _getMe(self, form: dict[str, Any]) -> Any:
        return ME

    async def _getWebhookInfo(self, form: dict[str, Any]) -> Any:
        return {"url": self.webhook, "pending_update_count": len(self.updates)}

    async def _getUpdates(self, form: dict[str, Any]) -> Any:
        offset = int(form.get("offset", 0))
        self.updates = [u for u in self.updates if u["update_id"] >= offset]
        if not self.updates and form.get("timeout"):
            self._changed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), float(form["timeout"]))
        return self.updates[:100]

    async def _sendMessage(self, form: dict[str, Any]) -> Any:
        return self._shown(form, form["text"])

    async def _editMessageText(self, form: dict[str, Any]) -> Any:
        for shown in self.chats.get(int(form["chat_id"]), []):
            if shown.id == int(form["message_id"]):
                if shown.text == form["text"] and "reply_markup" not in shown.fields:
                    return Refusal(400, "Bad Request: message is not modified")
                if problem := self._unfit(form["text"]):
                    return problem
                shown.text, shown.fields = form["text"], form
                shown.edits.append(form["text"])
                return self._message(shown.id, int(form["chat_id"]), shown.text, {"from": ME})
        return Refusal(400, "Bad Request: message to edit not found")

    async def _deleteMessage(self, form: dict[str, Any]) -> Any:
        chat = self.chats[int(form["chat_id"])]
        chat[:] = [shown for shown in chat if shown.id != int(form["message_id"])]
        return True

    async def _sendDocument(self, form: dict[str, Any]) -> Any:
        file = next(value for value in form.values() if isinstance(value, UploadFile))
        content = await file.read()
        await file.close()
        return self._shown(form, str(file.filename), content)

    async def _getFile(self, form: dict[str, Any]) -> Any:
        name = form["file_id"]
        return {"file_id": name, "file_unique_id": name, "file_path": f"photos/{name}"}

    async def file(self, request: Request) -> Response:
        """GET /file/bot<token>/<path>."""
        return Response(self.files[request.path_params["path"].removeprefix("photos/")])

    def _shown(self, form: dict[str, Any], text: str, file: bytes | None = None) -> Any:
        if file is None and (problem := self._unfit(text)):
            return problem
        chat, id = int(form["chat_id"]), next(self._ids)
        self.chats.setdefault(chat, []).append(Shown(id, text, form, [], file))
        return self._message(id, chat, text, {"from": ME})

    def _unfit(self, text: str) -> Refusal | None:
        if not text.strip():
            return Refusal(400, "Bad Request: message text is empty")
        if len(text.encode("utf-16-le")) // 2 > LONGEST:
            return Refusal(400, "Bad Request: message is too long")
        return None


@asynccontextmanager
async def open_bot_api() -> AsyncIterator[BotAPI]:
    """Run a Bot API on a port of its own."""
    api = BotAPI()
    routes = [
        Route("/bot{token}/{method}", api.call, methods=["POST"]),
        Route("/file/bot{token}/{path:path}", api.file),
    ]
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        Starlette(routes=routes), log_level="critical", ws="none", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    api.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        yield api
    finally:
        server.should_exit = True
        await running
