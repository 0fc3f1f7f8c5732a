"""What a class of users gets."""

from pydantic import BaseModel, Field


class Tier(BaseModel):
    """What one class of users gets."""

    context_budget: int = Field(ge=400, description="Tokens of one prompt with its reply.")
    remembers: bool = Field(
        default=True, description="False: the last turns and summaries only, no facts, no recall."
    )
    memory_calls: bool | None = Field(
        default=None,
        description="Whether summaries and facts may call the memory model; if not, the user is "
        "quoted. Unset: as `remembers`.",
    )
    turns_per_minute: int | None = Field(
        default=None, ge=1, description="Messages a user may send within a minute. Unset: any."
    )
    tokens_per_day: int | None = Field(
        default=None, ge=1, description="Tokens a user's turns may cost in a day. Unset: any."
    )
    reply_reserve: int | None = Field(
        default=None, ge=50, description="Tokens of a reply at most. Unset: MNEMO_REPLY_RESERVE."
    )

    @property
    def calls_memory_model(self) -> bool:
        """Whether memory work of its users may call a model."""
        return self.remembers if self.memory_calls is None else self.memory_calls
