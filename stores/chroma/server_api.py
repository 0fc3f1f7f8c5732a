"""Chroma's HTTP client as we use it. Apart from the rest: an embedded Chroma never imports it."""

import httpx
from chromadb.api.fastapi import FastAPI
from chromadb.errors import error_types
from overrides import override

from stores.errors import StoreUnavailable


class TimedServer(FastAPI):
    """Chroma's HTTP client with a time limit; what is no Chroma ends in one sentence."""

    def limit(self, seconds: float) -> None:
        """Give up on connecting, and on each answer, after so many seconds."""
        self._session.timeout = httpx.Timeout(seconds)
        self._session.event_hooks = {"response": [self._check]}

    def _check(self, response: httpx.Response) -> None:
        if response.status_code < 400:
            return
        response.read()
        if response.status_code in (401, 403):
            raise StoreUnavailable(
                f"Chroma at {response.url.host} refuses access ({response.status_code}): "
                "check MNEMO_CHROMA_TOKEN."
            )
        if not _is_chroma_error(response):
            raise StoreUnavailable(
                f"What answers at {response.url.host}:{response.url.port} with status "
                f"{response.status_code} is not a working Chroma: check MNEMO_CHROMA_URL."
            )

    @override
    def stop(self) -> None:
        """Close the connections too."""
        super().stop()
        self._session.close()


def _is_chroma_error(response: httpx.Response) -> bool:
    try:
        body = response.json()
    except ValueError:
        return False
    return isinstance(body, dict) and body.get("error") in error_types
