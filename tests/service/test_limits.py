"""What a user may ask for, what it costs, and what is measured."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest
from limits.aio.storage import MemoryStorage
from prometheus_client import generate_latest

from domain.owner import Owner
from nodes.state import Parts
from service.conversation import Conversation
from service.serving import open_serving
from service.turn_report import TokenEvent, TurnDone, TurnReport
from service.usage.ledger import Spent, read_ledger, spend
from service.usage.limits import LimitExceeded, Limits, MessageTooLarge, open_limits
from settings import Settings
from stores.errors import StoreUnavailable
from tests.support.house import House, Open, is_reply
from tests.support.models.model_settings import settings
from tests.support.servers.app_alone import Serve, path, serve
from tests.support.servers.openai_server import Fault, OpenAIServer, Reply
from tests.support.servers.redis_stack import RedisStack

__all__ = ["serve"]


@pytest.fixture(params=["memory", "redis"])
def counted(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Settings of where it is counted."""
    return {} if request.param == "memory" else {"redis_url": request.getfixturevalue("redis_url")}


def tiers(counted: dict[str, Any], **free: Any) -> Settings:
    return settings(free={"context_budget": 2000, **free}, default_tier="free", **counted)


async def test_a_user_may_send_so_many_messages_a_minute(counted: dict[str, Any]) -> None:
    async with open_limits(tiers(counted, turns_per_minute=2)) as limits:
        await limits.admit("alex")
        await limits.admit("alex")
        with pytest.raises(LimitExceeded, match=r"2 messages within a minute.*wait") as refused:
            await limits.admit("alex")
        assert 1 <= refused.value.wait <= 60
        for other in ("Alex", "alex ", "eve"):
            await limits.admit(other)
        for _ in range(5):
            await limits.admit("alex", "plus")


async def test_a_day_has_so_many_tokens(counted: dict[str, Any]) -> None:
    async with open_limits(tiers(counted, tokens_per_day=1000)) as limits:
        await limits.charge("alex", "free", 999)
        await limits.admit("alex")
        await limits.charge("alex", "free", 5000)
        with pytest.raises(LimitExceeded, match=r"1,000 tokens of today.*wait \d+ hours"):
            await limits.admit("alex")
        quota = await limits.quota("alex")
        assert quota is not None and (quota.limit, quota.left) == (1000, 0)
        assert 86_000 < quota.seconds <= 86_400
        await limits.admit("eve")
        await limits.admit("alex", "plus")
        assert await limits.quota("alex", "plus") is None


async def test_a_refused_message_uses_nothing_up(counted: dict[str, Any]) -> None:
    async with open_limits(tiers(counted, turns_per_minute=1, tokens_per_day=10)) as limits:
        await limits.charge("alex", None, 10)
        for _ in range(3):
            with pytest.raises(LimitExceeded, match="tokens of today"):
                await limits.admit("alex")


async def test_at_once_no_more_are_let_in_than_one_after_another(counted: dict[str, Any]) -> None:
    async with open_limits(tiers(counted, turns_per_minute=5)) as limits:
        asked = [limits.admit("alex") for _ in range(20)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert sum(answer is None for answer in answers) == 5


async def test_processes_count_together_in_redis(redis_url: str) -> None:
    chosen = tiers({"redis_url": redis_url}, turns_per_minute=2)
    async with open_limits(chosen) as one, open_limits(chosen) as other:
        await one.admit("alex")
        await other.admit("alex")
        with pytest.raises(LimitExceeded):
            await one.admit("alex")


async def test_a_redis_that_does_not_answer_is_said_in_one_sentence() -> None:
    with RedisStack(plain=True) as redis:
        async with open_limits(tiers({"redis_url": redis.url}, turns_per_minute=2)) as limits:
            redis.kill()
            with pytest.raises(StoreUnavailable, match="Redis does not answer"):
                await limits.admit("alex")


def test_a_request_may_say_so_much() -> None:
    limits = Limits(settings(message_bytes=1000), MemoryStorage())
    limits.check_size({"messages": [{"role": "user", "content": "ü" * 400}]})
    for content in ("ü" * 600, [{"type": "text", "text": "x" * 1001}], {"x" * 3: ["x" * 1000]}):
        with pytest.raises(MessageTooLarge, match="send it in smaller parts"):
            limits.check_size({"messages": [{"role": "user", "content": content}]})


# What it costs


async def turns(parts: Parts, *messages: str, thread: str = "t") -> list[TurnReport]:
    reports = []
    for message in messages:
        async for event in Conversation(parts).turn(Owner("alex"), thread, message):
            if isinstance(event, TurnDone):
                reports.append(event.report)
    return reports


async def ledger(house: House) -> dict[str, tuple[int, int, int]]:
    parts = house.parts
    found = await read_ledger(parts.stores.journal, parts.settings, Owner("alex"))
    return {one.layer: (one.calls, one.tokens_in, one.tokens_out) for one in found.lines}


async def test_the_ledger_holds_what_the_provider_counted_for_each_purpose(
    open_house: Open,
) -> None:
    async with open_house(fold_turns=3, extract_turns=2) as house, open_serving(house.parts):
        await turns(house.parts, *(f"Let us speak of mark{n} now" for n in range(1, 5)))
        asked = house.server.requests
        streamed = [body for body in asked if is_reply(body)]
        read = sum(len(str(m["content"]).split()) for body in streamed for m in body["messages"])
        spent = await ledger(house)
        assert spent["reply"][:2] == (4, read)
        assert {"summary", "score", "facts"} <= set(spent)
        assert sum(calls for calls, _, _ in spent.values()) == len(asked)


async def test_prices_are_those_of_the_model(open_house: Open) -> None:
    async with open_house(prices={"test-model": (1.0, 2.0)}) as house:
        journal, at = house.parts.stores.journal, house.clock()
        bill = [Spent("reply", "test-model", 1_000_000, 500_000), Spent("facts", "other", 7, 7)]
        await spend(journal, Owner("alex"), bill, at)
        await spend(journal, Owner("alex"), bill[:1], at)
        found = await read_ledger(journal, house.parts.settings, Owner("alex"))
        costs = {line.layer: (line.month, line.calls, line.cost) for line in found.lines}
        assert costs == {"reply": ("2026-05", 2, 4.0), "facts": ("2026-05", 1, None)}
        assert found.cost == 4.0 and found.tokens_out == 1_000_007
        for other in (Owner("Alex"), Owner("alex", "other")):
            assert (await read_ledger(journal, house.parts.settings, other)).lines == []
        await journal.backend.drop_counts(Owner("alex"))
        assert (await read_ledger(journal, house.parts.settings, Owner("alex"))).lines == []


async def test_turns_use_up_the_day(open_house: Open) -> None:
    bound = {"context_budget": 6000, "tokens_per_day": 100}
    async with open_house(plus=bound) as house, open_serving(house.parts) as serving:
        await turns(house.parts, "Let us speak of mark1 " + "and so on " * 40)
        with pytest.raises(LimitExceeded):
            await serving.limits.admit("alex")
        await serving.limits.admit("eve")


async def test_a_reply_that_broke_off_costs_what_was_read_for_it(
    openai_server: OpenAIServer, open_house: Open
) -> None:
    async with open_house() as house, open_serving(house.parts):
        openai_server.answers(Reply("one two three", cut_after=2))
        (report,) = await turns(house.parts, "Let us speak of mark1")
        assert report.error
        calls, read, written = (await ledger(house))["reply"]
        assert (calls, written) == (1, 0) and read > 20


async def test_a_turn_that_is_stopped_costs_what_was_read_for_it(
    openai_server: OpenAIServer, open_house: Open
) -> None:
    async with open_house() as house, open_serving(house.parts) as serving:
        openai_server.answers(Reply("one two three four five", delay=0.05))
        run = serving.conversation.turn(Owner("alex"), "t", "Let us speak of mark1")
        async with aclosing(run) as events:
            async for event in events:
                if isinstance(event, TokenEvent):
                    break
        assert (await ledger(house))["reply"][1] > 20


async def test_a_call_that_was_refused_costs_nothing(
    openai_server: OpenAIServer, open_house: Open
) -> None:
    async with open_house() as house, open_serving(house.parts):
        openai_server.answers(Fault(500))
        (report,) = await turns(house.parts, "Let us speak of mark1")
        assert report.error and await ledger(house) == {}


# What is measured


def metric(name: str, **labels: str) -> float:
    """Return a metric's value; 0 where it has none yet."""
    wanted = name + (
        "{" + ",".join(f'{k}="{v}"' for k, v in labels.items()) + "}" if labels else ""
    )
    for line in generate_latest().decode().splitlines():
        found, _, value = line.rpartition(" ")
        if found == wanted:
            return float(value)
    return 0.0


WATCHED: tuple[tuple[str, dict[str, str]], ...] = (
    ("mnemo_turn_seconds_count", {}),
    ("mnemo_first_token_seconds_count", {}),
    ("mnemo_step_seconds_count", {"step": "recall_memories"}),
    ("mnemo_step_seconds_count", {"step": "summarize"}),
    ("mnemo_store_seconds_count", {"call": "read", "store": "journal"}),
    ("mnemo_store_seconds_count", {"call": "abatch", "store": "memories"}),
    ("mnemo_store_seconds_count", {"call": "aput", "store": "checkpoints"}),
    ("mnemo_turns_total", {"outcome": "answered"}),
    ("mnemo_turns_total", {"outcome": "refused"}),
    ("mnemo_turns_total", {"outcome": "failed"}),
    ("mnemo_failures_total", {"error": "ServerFailed", "step": "generate"}),
    ("mnemo_prompt_tokens_total", {"layer": "buffer"}),
    ("mnemo_model_tokens_total", {"direction": "in", "layer": "reply"}),
    ("mnemo_folds_total", {}),
    ("mnemo_folded_messages_total", {}),
)


async def test_turns_folds_failures_and_stores_are_measured(
    openai_server: OpenAIServer, open_house: Open
) -> None:
    def now() -> list[float]:
        return [metric(name, **labels) for name, labels in WATCHED]

    async with open_house(fold_turns=3) as house, open_serving(house.parts):
        before = now()
        await turns(house.parts, *(f"Let us speak of mark{n} now" for n in range(1, 5)))
        await turns(house.parts, "   ")
        openai_server.answers(Fault(500))
        await turns(house.parts, "Let us speak of mark5")
        grown = [after > was for after, was in zip(now(), before, strict=True)]
        assert grown == [True] * len(WATCHED), dict(zip(WATCHED, grown, strict=True))


@pytest.mark.parametrize("backend", ["embedded"], indirect=True)
async def test_metrics_name_no_user_and_no_text(serve: Serve) -> None:
    async with serve() as alone:
        await alone.say("I am allergic to peanuts", user="alex@example.com")
        page = await alone.client.get("/metrics")
        assert page.status_code == 200 and "mnemo_turn_seconds_bucket" in page.text
        assert not {"alex", "peanuts", Owner("alex@example.com").user_key} & set(
            page.text.replace('"', " ").split()
        )


@pytest.mark.parametrize("backend", ["embedded"], indirect=True)
async def test_the_budget_route_tells_what_is_left_of_the_day(serve: Serve) -> None:
    bound = {"context_budget": 6000, "tokens_per_day": 100_000}
    async with serve(plus=bound) as alone:
        await alone.say("I am allergic to peanuts")
        today = (await alone.get(f"{path('alex')}/budget"))["today"]
        spent = await alone.get(f"{path('alex')}/ledger")
        used = spent["tokens_in"] + spent["tokens_out"]
        assert today["limit"] == 100_000 and today["left"] == 100_000 - used
