"""One connection to Chroma, embedded or over HTTP: opening, locking, time limits, plain errors.

Knows collections by name and nothing of what they hold. Every call here blocks: use a thread.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypedDict, Unpack
from urllib.parse import urlsplit

import httpx
from chromadb.api import ServerAPI
from chromadb.api.collection_configuration import CreateCollectionConfiguration
from chromadb.api.models.Collection import Collection
from chromadb.api.rust import RustBindingsAPI
from chromadb.config import Settings, System
from chromadb.errors import (
    AuthorizationError,
    ChromaAuthError,
    ChromaError,
    InternalError,
    NotFoundError,
    QuotaError,
    RateLimitError,
)
from filelock import FileLock, Timeout

from stores.chroma.index_files import blank_spare_room
from stores.errors import StoreBusy, StoreUnavailable


class Address(TypedDict, total=False):
    """Where a Chroma is: in a data folder, or on a server."""

    path: Path | None
    """Data folder of a Chroma in this process; this or `url`."""
    url: str | None
    """`http://host:port` or `https://host:port` of a server, nothing else in it."""
    token: str | None
    """Bearer token, where the server asks for one."""
    timeout: float
    """Seconds that connecting to a server, and each of its answers, may take; 10 if not given."""


class ChromaFailed(StoreUnavailable):
    """Chroma answers that something went wrong on its side."""

    def __init__(self, place: str, reason: str) -> None:
        """Keep Chroma's own words beside the sentence."""
        self.reason = " ".join(reason.split()).rstrip(".")
        super().__init__(f"Chroma at {place} failed ({self.reason}).")


class ShardDamaged(StoreUnavailable):
    """The vector index of one shard no longer answers: rebuild it, then try again."""

    def __init__(self, shard: int, collection: str, reason: str) -> None:
        """Keep the shard's number (from 0) and its collection's name beside the sentence."""
        super().__init__(
            f"Chroma's index of shard {shard} is damaged ({reason}): stop the Chroma server and "
            "open its data folder without it (MNEMO_CHROMA_URL unset) to have it rebuilt."
        )
        self.shard = shard
        self.collection = collection
        self.reason = reason


SYNC_THRESHOLD = 50
"""Writes after which Chroma saves a vector index; more would make the first query slow."""


class ChromaLink:
    """A connection to one Chroma, and the collections reached through it.

    Attributes:
        path: the data folder where embedded, else None.
    """

    def __init__(self, system: System, api: ServerAPI, place: str, path: Path | None) -> None:
        """Use `embedded` or `server`."""
        self._system = system
        self._api = api
        self._place = place
        self._lock: FileLock | None = None
        self.path = path

    @classmethod
    def open(cls, **place: Unpack[Address]) -> "ChromaLink":
        """Open Chroma on a folder, or connect to a server: see `embedded` and `server`.

        Raises:
            StoreBusy: if another process has the folder open.
            StoreUnavailable: if the folder cannot be used, or no Chroma answers.
            ValueError: unless either a path or a URL is given.
        """
        path, url = place.get("path"), place.get("url")
        if path is not None and url is None:
            return cls.embedded(path)
        if url is not None and path is None:
            return cls.server(url, place.get("token"), place.get("timeout", 10.0))
        raise ValueError("Give either the path of a data folder or the URL of a server.")

    @classmethod
    def embedded(cls, path: Path) -> "ChromaLink":
        """Open Chroma in this process, on a folder that no other process has open.

        Raises:
            StoreBusy: if one has.
            StoreUnavailable: if the folder cannot be used.
        """
        lock = FileLock(path / "mnemo.lock", timeout=0, thread_local=False)
        try:
            path.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout:
            raise StoreBusy(
                f"The data folder {path} is in use by another process: stop it, or start Chroma "
                "as a server (`chroma run`) and set MNEMO_CHROMA_URL for both."
            ) from None
        except OSError as error:
            raise StoreUnavailable(f"The data folder {path} cannot be used: {error}.") from error
        system = System(
            chroma_settings(
                chroma_api_impl="chromadb.api.rust.RustBindingsAPI",
                is_persistent=True,
                persist_directory=str(path),
            )
        )
        try:
            api = system.instance(RustBindingsAPI)
            system.start()
        except ChromaError as error:
            lock.release()
            raise StoreUnavailable(
                f"Chroma cannot open {path} ({error}): `mnemo doctor` says more; if the file is "
                "damaged, put the folder back from a backup."
            ) from error
        link = cls(system, api, str(path), path)
        link._lock = lock
        return link

    @classmethod
    def server(cls, url: str, token: str | None, timeout: float) -> "ChromaLink":
        """Connect to a Chroma server; the arguments are those of `Address`.

        Raises:
            StoreUnavailable: if the URL is not of that form, or no Chroma answers there.
        """
        from stores.chroma.server_api import TimedServer  # with all that a server needs

        host, port, secure = _parts(url)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        system = System(
            chroma_settings(
                chroma_api_impl="chromadb.api.fastapi.FastAPI",
                chroma_server_host=host,
                chroma_server_http_port=port,
                chroma_server_ssl_enabled=secure,
                chroma_server_headers=headers,
            )
        )
        api = system.instance(TimedServer)
        api.limit(timeout)
        system.start()
        link = cls(system, api, url, None)
        try:
            link._greet()
        except StoreUnavailable:
            link.close()
            raise
        return link

    def _greet(self) -> None:
        try:
            with self.reach():
                self._api.heartbeat()
        except (ValueError, KeyError, TypeError) as error:
            raise StoreUnavailable(
                f"What answers at {self._place} is not Chroma: check MNEMO_CHROMA_URL."
            ) from error

    @contextmanager
    def reach(self) -> Iterator[None]:
        """Turn a connection that fails into one sentence; every call to Chroma is inside one.

        Raises:
            ChromaFailed: if something went wrong inside Chroma.
            StoreUnavailable: if Chroma cannot be reached, is too slow or refuses access.
        """
        try:
            yield
        except httpx.TransportError as error:
            reason = "took too long" if isinstance(error, httpx.TimeoutException) else "is away"
            raise StoreUnavailable(
                f"Chroma at {self._place} {reason}: start it with `chroma run`, or unset "
                "MNEMO_CHROMA_URL to keep memories in the data folder."
            ) from error
        except (InternalError, RateLimitError, QuotaError) as error:
            raise ChromaFailed(self._place, str(error)) from error
        except (ChromaAuthError, AuthorizationError) as error:
            raise StoreUnavailable(
                f"Chroma at {self._place} refuses access: check MNEMO_CHROMA_TOKEN."
            ) from error

    def collections(self) -> dict[str, Collection]:
        """Every collection by name."""
        with self.reach():
            models = self._api.list_collections()
        return {
            model.name: Collection(self._api, model, embedding_function=None) for model in models
        }

    def find(self, name: str) -> Collection | None:
        """A collection by its name, with its metadata as of now."""
        try:
            with self.reach():
                model = self._api.get_collection(name)
        except NotFoundError:
            return None
        return Collection(self._api, model, embedding_function=None)

    def create(self, name: str, metadata: dict[str, Any]) -> Collection:
        """A collection of this name: the existing one, unchanged, or a new one."""
        configuration = CreateCollectionConfiguration(
            hnsw={"space": "cosine", "sync_threshold": SYNC_THRESHOLD}
        )
        with self.reach():
            model = self._api.create_collection(
                name, configuration=configuration, metadata=metadata, get_or_create=True
            )
        return Collection(self._api, model, embedding_function=None)

    def drop(self, name: str) -> None:
        """Delete a collection if it is there."""
        try:
            with self.reach():
                self._api.delete_collection(name)
        except NotFoundError:
            return

    def close(self) -> None:
        """Let go of Chroma and of the data folder."""
        try:
            self._system.stop()
            if self.path is not None:
                blank_spare_room(self.path)
        finally:
            if self._lock is not None:
                self._lock.release()


def chroma_settings(**chosen: Any) -> Settings:
    """Chroma's settings with nothing read from a `.env` and nothing reported to anyone."""
    quiet: dict[str, Any] = {
        "_env_file": None,
        "anonymized_telemetry": False,
        "chroma_otel_collection_endpoint": "",
        "chroma_otel_granularity": None,
        "chroma_client_auth_provider": None,
    }
    return Settings(**quiet, **chosen)


def _parts(url: str) -> tuple[str, int, bool]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    clean = bool(host) and parts.scheme in ("http", "https") and not parts.username
    if not clean or parts.path.strip("/") or parts.query:
        raise StoreUnavailable(
            "MNEMO_CHROMA_URL must look like http://host:8000 or https://host, and nothing more."
        )
    secure = parts.scheme == "https"
    name = f"[{host}]" if host and ":" in host else str(host)
    return name, port or (443 if secure else 8000), secure
