"""Every setting, read once from the environment or `.env`; nothing else reads the environment.

Names are prefixed `MNEMO_`, save the OpenAI ones.
"""

from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.characters import Character, read_characters
from domain.records import MOST_BYTES
from domain.tiers import Tier

PREFIX = "MNEMO_"
CHARACTERS_FILE = Path("characters.toml")
"""Where characters are looked for where nothing else is named: it need not be there."""


def variable(field: str) -> str:
    """Return the name of the environment variable behind a setting."""
    return (field if field.startswith("openai_") else f"{PREFIX}{field}").upper()


class Settings(BaseSettings):
    """The settings of one process. Unset means: embedded, offline, working."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
        extra="ignore",
        populate_by_name=True,
        use_attribute_docstrings=True,
    )

    # Models
    openai_api_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("OPENAI_API_KEY", "openai_api_key")
    )
    """Key of the OpenAI-compatible endpoint."""
    openai_base_url: str | None = Field(
        default=None, validation_alias=AliasChoices("OPENAI_BASE_URL", "openai_base_url")
    )
    """Address of an OpenAI-compatible endpoint (OpenRouter, Ollama, vLLM, ...)."""
    chat_model: str | None = None
    """`provider:model`, or a bare OpenAI model name. Unset: `gpt-6-luna` with a key alone;
    without key and base URL the offline model; with a base URL it must be set."""
    memory_model: str | None = None
    """The model of summaries, facts and scores. Unset: the chat model."""
    embeddings: str = "use-multilingual"
    """Built in: `use-multilingual` (16 languages), `wordllama` (English, quicker); or
    `provider:model` as LangChain names it. Unset, memories that were made with another model go
    on with it."""
    model_timeout: float = Field(default=60.0, gt=0)
    """Seconds that a model may stay silent."""
    model_retries: int = Field(default=2, ge=0)
    """Retries of a failed model call."""
    context_window: int | None = Field(default=None, ge=512)
    """Tokens a model reads at once, with its reply. Unset: learned from its errors."""
    model_concurrency: int | None = Field(default=None, ge=1)
    """Calls for memory work at once. Unset: 1 at a model server on this machine or network, any
    number elsewhere."""
    persona: str = "You are a warm, attentive companion. You answer briefly and to the point."
    """The persona when a run's context names none."""
    characters_file: Path = CHARACTERS_FILE
    """Characters by id, one TOML table each: `name`, `persona`, `model`, `tier`, `greeting`.
    Unset, and without such a file: there are none by name."""
    timezone: str | None = None
    """Where users are, as an IANA name such as Europe/Berlin, unless a run's context says.
    Unset: where this machine is."""

    # Stores
    redis_url: SecretStr | None = None
    """redis://host:port/0, redis+cluster://host:port,host:port or
    redis+sentinel://host:port,host:port/service; rediss... with TLS. Unset: SQLite."""
    chroma_url: str | None = None
    """http://host:port of `chroma run`."""
    chroma_token: SecretStr | None = None
    """Bearer token for Chroma."""
    chroma_shards: int = Field(default=64, ge=1, le=1024)
    """Collections users share."""
    postgres_url: SecretStr | None = None
    """postgresql://... Long-term memory there instead of Chroma."""
    data_dir: Path = Path(".mnemo")
    """Where embedded stores live."""
    store_timeout: float = Field(default=5.0, gt=0)
    """Seconds for one store call."""
    checkpoint_turns: int = Field(default=10, ge=2)
    """Turns whose checkpoints stay."""
    checkpoint_ttl: timedelta | None = timedelta(days=90)
    """Life of an unused thread's checkpoints (Redis)."""
    journal_ttl: timedelta = timedelta(days=90)
    """Life of journal turns after the last write, Redis."""
    cache_ttl: timedelta = timedelta(hours=6)
    """Life of a cached block of summaries."""

    # The prompt
    free: Tier = Tier(context_budget=2000, remembers=False)
    plus: Tier = Tier(context_budget=6000)
    tiers: dict[str, Tier] = Field(default_factory=dict)
    """More tiers by name, each with the parts of the two above: as JSON, or a part a variable,
    such as `MNEMO_TIERS__TRIAL__CONTEXT_BUDGET`."""
    default_tier: str = "plus"
    """The tier of users where nothing else says one."""
    reply_reserve: int = Field(default=800, ge=50)
    """Tokens kept for the reply, and its upper bound."""
    summary_share: float = Field(default=0.12, ge=0, le=1)
    """Share of the budget for earlier summaries."""
    summary_episodes: int = Field(default=3, ge=0)
    """Newest episodes whose summaries a prompt shows."""
    entity_share: float = Field(default=0.04, ge=0, le=1)
    """Share for known entities."""
    memory_share: float = Field(default=0.15, ge=0, le=1)
    """Share for recalled memory; it may grow into what the last turns leave free."""
    wish_tokens: int = Field(default=120, ge=0)
    """Tokens of instructions and preferences that every prompt shows, at most."""
    borrowed_turns: int = Field(default=6, ge=0)
    """Last turns of the previous conversation a new thread shows."""
    message_share: float = Field(default=0.5, gt=0, le=1)
    """Share of the budget one message may take."""
    thread_keep: int = Field(default=50, ge=2)
    """Messages kept for chat clients' eyes."""

    # Folding and facts
    fold_at: float = Field(default=0.4, gt=0, lt=1)
    """Share of the budget that folds."""
    fold_turns: int = Field(default=12, ge=3)
    """Journal turns of an owner that fold."""
    fold_idle: timedelta = timedelta(minutes=30)
    """Idle time after which another thread is folded."""
    fold_lease: timedelta = timedelta(minutes=3)
    """How long a claimed window is left to its holder."""
    fold_attempts: int = Field(default=3, ge=1)
    """Failed summaries before an extractive one is stored."""
    summary_tokens: int = Field(default=220, ge=40)
    """Upper bound of one summary."""
    quality_threshold: float = Field(default=0.6, ge=0, le=1)
    """Below it a summary is written once more."""
    extract_turns: int = Field(default=4, ge=1)
    """Turns between extractions of facts."""
    redact_secrets: bool = True
    """Take keys, card numbers and passwords out of what is remembered for long."""
    remember: Literal["inline", "background"] = "inline"
    """When summaries and facts are made: `inline`, at the end of a turn, or in the `background`."""
    sweep_idle: timedelta = timedelta(days=7)
    """Idle time after which the sweep folds an owner."""
    redact_personal: bool = False
    """Take bank account numbers (IBAN), national ids and seed phrases out too."""
    sweep_every: timedelta = Field(default=timedelta(days=1), ge=timedelta(0))
    """How often `mnemo serve` and `mnemo telegram` sweep, one of all processes; `PT0S`: never."""

    # Recall
    search_memory: bool = True
    """Offer the model its tools: search_memory and forget_memory."""
    search_memory_calls: int = Field(default=3, ge=0)
    """Searches a turn at most."""
    index_bytes: int = Field(default=128_000_000, ge=1_000_000)
    """Bytes of what is kept at hand of all owners, at most; of one it may be more."""

    # Serving
    auth_secret: SecretStr | None = None
    """Secret that tokens are signed with (HS256), 32 bytes or more. With none of secret, public
    key and JWKS URL set, nobody is asked for a token."""
    auth_public_key: str | None = None
    """Public key of whoever signs tokens (RSA, EC or Ed25519): PEM, or its file."""
    auth_jwks_url: str | None = None
    """Where an identity provider publishes its keys (JWKS)."""
    auth_jwks_life: timedelta = timedelta(hours=1)
    """How long published keys are kept."""
    auth_issuer: str = "mnemograph"
    """The issuer a token must name."""
    auth_audience: str = "mnemograph"
    """The audience it must name."""
    auth_tier_claim: str = "tier"
    """Its claim that holds the tier."""
    message_bytes: int = Field(default=100_000, ge=1_000, le=MOST_BYTES)
    """Bytes of all that one request says, at most."""
    max_turns: int = Field(default=256, ge=1)
    """Turns that one process answers at once; more get a 429."""
    thread_wait: float = Field(default=60.0, ge=0)
    """Seconds a message waits while its thread still answers."""
    cors_origins: list[str] = Field(default_factory=list)
    """Web origins that may call the routes from a browser; and, where no token is asked for, under
    whose names a proxy on this machine may hand requests on."""
    prices: dict[str, tuple[float, float]] = Field(default_factory=dict)
    """Model to its price of a million tokens read and of a million written."""
    telegram_token: SecretStr | None = None
    """Token of the bot that `mnemo telegram` answers as."""
    telegram_api_url: str = "https://api.telegram.org"
    """Where the Bot API is: Telegram's own, or a Bot API server that you run."""
    telegram_users: dict[int, str] = Field(default_factory=dict)
    """Telegram ids to user ids: who they are on other channels. Where it is set, nobody else is
    answered. Unset: everybody, as `telegram:<id>`."""

    @model_validator(mode="after")
    def _one_long_term_store(self) -> "Settings":
        if self.chroma_url and self.postgres_url:
            raise ValueError(
                "MNEMO_CHROMA_URL and MNEMO_POSTGRES_URL are both set: long-term memory lives in "
                "one of them. Unset one (`mnemo reindex --to` moves memories between them)."
            )
        return self

    @model_validator(mode="after")
    def _usable(self) -> "Settings":
        if sum(map(bool, (self.auth_secret, self.auth_public_key, self.auth_jwks_url))) > 1:
            raise ValueError(
                "Of MNEMO_AUTH_SECRET, MNEMO_AUTH_PUBLIC_KEY and MNEMO_AUTH_JWKS_URL set one: "
                "tokens are checked in one way."
            )
        if self.auth_secret and len(self.auth_secret.get_secret_value().encode()) < 32:
            raise ValueError(
                "MNEMO_AUTH_SECRET is too short to be safe: use 32 bytes or more, such as the "
                "output of `openssl rand -hex 32`."
            )
        self.tier(None)
        for id, character in self.characters.items():
            try:
                self.tier(character.tier)
            except ValueError as error:
                raise ValueError(f"{self.characters_file}, {id}.tier: {error}") from error
        return self

    @cached_property
    def characters(self) -> dict[str, Character]:
        """The characters of the file, by id; empty where none is named and there is none.

        Raises:
            ValueError: If the file is named and not there, is no TOML, or holds something else.
        """
        try:
            return read_characters(self.characters_file.read_text(encoding="utf-8-sig"))
        except FileNotFoundError as error:
            if self.characters_file != CHARACTERS_FILE:
                raise ValueError(
                    f"{self.characters_file}, which MNEMO_CHARACTERS_FILE names, is not there."
                ) from error
            return {}
        except UnicodeDecodeError as error:
            raise ValueError(f"{self.characters_file} is no text in UTF-8: save it so.") from error
        except OSError as error:
            raise ValueError(f"{self.characters_file} cannot be read: {error.strerror}.") from error
        except ValueError as error:
            raise ValueError(f"{self.characters_file} cannot be used: {error}") from error

    def persona_of(self, character_id: str) -> str:
        """Return the persona of a character; the general one where none is described."""
        character = self.characters.get(character_id)
        return (character.persona if character else None) or self.persona

    def tier_name(self, asked: str | None, character_id: str) -> str:
        """Return the tier of a turn: as asked for, else the character's, else the default one."""
        character = self.characters.get(character_id)
        return asked or (character.tier if character else None) or self.default_tier

    @property
    def auth(self) -> bool:
        """True where a caller must show a token."""
        return bool(self.auth_secret or self.auth_public_key or self.auth_jwks_url)

    def tier(self, name: str | None, character_id: str = "") -> Tier:
        """Return a tier by name; for None that of a character, else the default one.

        Raises:
            ValueError: If there is no tier of that name.
        """
        name = self.tier_name(name, character_id)
        if name not in self.all_tiers:
            *others, last = (f'"{tier}"' for tier in self.all_tiers)
            raise ValueError(f'There is no tier "{name}": use {", ".join(others)} or {last}.')
        return self.all_tiers[name]

    @property
    def all_tiers(self) -> dict[str, Tier]:
        """Every tier by name: the two that are built in, and those of `tiers`."""
        return {"free": self.free, "plus": self.plus, **self.tiers}

    @property
    def offline(self) -> bool:
        """True where no model is configured: the built-in offline model answers."""
        return not (self.openai_api_key or self.openai_base_url or self.chat_model)
