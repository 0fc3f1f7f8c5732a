"""What servers say of a prompt that is too long, of a wait and of a refusal is read in any form."""

from typing import Any

import httpx2
import openai
import pytest

from models.errors import (
    ContentFiltered,
    ContextTooLong,
    ModelError,
    QuotaExhausted,
    RateLimited,
    Refused,
    ServerFailed,
)
from models.provider.error_text import is_too_long, said, tokens_named, wait_named
from models.provider.errors import translate
from models.provider.learned import Feature, Learned
from models.provider.trial import Trial

CLIENT = openai.AsyncOpenAI(api_key="x")


def refused(status: int, body: Any, headers: dict[str, str] | None = None) -> openai.APIError:
    """Return the error that the client makes of an answer with that body."""
    request = httpx2.Request("POST", "http://server/v1/chat/completions")
    answer = httpx2.Response(status, json=body, request=request, headers=headers)
    return CLIENT._make_status_error_from_response(answer)


TOO_LONG: list[tuple[str, int | None, int | None]] = [
    (  # OpenAI, vLLM, DeepSeek, Together
        "This model's maximum context length is 16384 tokens. However, you requested 18946 tokens "
        "(8946 in the messages, 10000 in the completion). Please reduce the length.",
        16384,
        8946,
    ),
    (
        "This model's maximum context length is 2048 tokens. However, your request has 8 input "
        "tokens plus 2045 'max_tokens'. (parameter=input_tokens, max_tokens, value=(8, 2045))",
        2048,
        None,
    ),
    (
        "This model's maximum context length is 131072 tokens. However, you requested 128000 "
        "output tokens and your prompt contains at least 3073 input tokens, for a total of at "
        "least 131073 tokens. (parameter=input_tokens, value=3073)",
        131072,
        3073,
    ),
    (
        "'max_tokens' is too large: 2048. This model's maximum context length is 4096 tokens and "
        "your request has 3000 input tokens (2048 > 4096 - 3000).",
        4096,
        3000,
    ),
    (
        "The decoder prompt (length 5000) is longer than the maximum model length of 4096. Make "
        "sure that `max_model_len` is no smaller.",
        4096,
        5000,
    ),
    (  # LM Studio
        "Trying to keep the first 10136 tokens when context the overflows. However, the model is "
        "loaded with context length of only 7866 tokens, which is not enough.",
        7866,
        10136,
    ),
    (
        "The number of tokens to keep from the initial prompt is greater than the context length "
        "(n_keep: 15857>= n_ctx: 4096). Try to load the model with a larger context length.",
        4096,
        15857,
    ),
    ("Reached context length of 4096 tokens with model (arch:llama).", 4096, None),
    (  # TGI
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. Given: 3474 "
        "`inputs` tokens and 60 `max_new_tokens`",
        2048,
        3474,
    ),
    ("`inputs` must have less than 1024 tokens. Given: 1168", 1024, 1168),
    (  # Cohere
        "too many tokens: total number of tokens (prompt and prediction) cannot exceed 2048 - "
        "received 6354. Try using a shorter prompt or a smaller max_tokens value.",
        2048,
        6354,
    ),
    (  # SGLang
        "The input (61709 tokens) is longer than the model's context length (40960 tokens).",
        40960,
        61709,
    ),
    (
        "Requested token count exceeds the model's maximum context length of 131072 tokens. You "
        "requested a total of 146394 tokens: 130010 tokens from the input messages and 16384 "
        "tokens for the completion.",
        131072,
        130010,
    ),
    ("Input length (160062 tokens) exceeds the maximum allowed length (59862).", 59862, 160062),
    (  # Gemini
        "The input token count (134123) exceeds the maximum number of tokens allowed (131072).",
        131072,
        134123,
    ),
    (  # Mistral
        "Prompt contains 40241 tokens and 0 draft tokens, too large for model with 32768 maximum "
        "context length",
        32768,
        40241,
    ),
    (  # Cerebras
        "Please reduce the length of the messages or completion. Current length is 9322 while "
        "limit is 8192 context_length_exceeded",
        8192,
        9322,
    ),
    (  # Groq
        "Request too large for model `llama-3.1-8b-instant` in organization `org_x` service tier "
        "`on_demand` on tokens per minute (TPM): Limit 6000, Requested 12328, please reduce",
        6000,
        12328,
    ),
    (  # Fireworks
        "The prompt is too long: 140085, model maximum context length: 131071",
        131071,
        140085,
    ),
    (  # Anthropic
        "input length and `max_tokens` exceed context limit: 199759 + 8192 > 200000, decrease",
        200000,
        None,
    ),
    ("prompt is too long: 214310 tokens > 200000 maximum", 200000, 214310),
    ("the input length exceeds the context length", None, None),
    ("request (4390 tokens) exceeds the available context size (4096 tokens)", 4096, 4390),
    ("Context size has been exceeded.", None, None),
    ("Requested tokens (2285) exceed context window of 2048", 2048, 2285),
    ("Your input exceeds the context window of this model.", None, None),
    ("Input tokens exceed the configured limit of 272000 tokens.", 272000, None),
    ("max_tokens must be at least 1, got -186.", None, None),
    ("Input is too long for requested model.", None, None),  # Bedrock
    ("Range of input length should be [1, 6000]", 6000, None),  # Alibaba
    ("Your request exceeded model token limit: 8192 (requested: 9011)", 8192, 9011),  # Moonshot
    (  # xAI
        "This model's maximum prompt length is 131072 but the request contains 160237 tokens.",
        131072,
        160237,
    ),
    (  # OpenRouter
        "This endpoint's maximum context length is 26200 tokens. However, you requested about "
        "27590 tokens (658 of text input, 732 of tool input, 26200 in the output). Please reduce",
        26200,
        658,
    ),
    ("prompt token count of 45000 exceeds the limit of 32768", 32768, 45000),  # Copilot
    ("Request body too large for gpt-4o model. Max size: 8000 tokens.", 8000, None),  # GitHub
    (
        "Your input is too long. Max input length is 4096 tokens, but you supplied 5441 tokens.",
        4096,
        5441,
    ),  # Replicate
    ("Prompt is 11543 tokens but the model context window is 4096 tokens.", 4096, 11543),
    (
        "You passed 3500 input tokens and requested 1000 output tokens. However, the model's "
        "context length is only 4096 tokens, resulting in a maximum input length of 3096 tokens.",
        4096,
        3500,
    ),
    ("length of prompt_tokens (40000) must be less than max_seq_len (32768).", 32768, 40000),
    ("input token count is 40000 but model only supports up to 32768. Reduce", 32768, 40000),
    ("Error in session: number of input tokens must be no more than 8192, got 10000", 8192, 10000),
    ("prompt too long; exceeded max context length by 1050 tokens", None, None),  # Ollama
    ("prompt won't fit in an n_ctx window of 2048", 2048, None),
    ("input_tokens + max_tokens > context_window (3900 + 800 > 4096)", 4096, None),
    ("The request exceeds the context: prompt of 5,000 tokens, context of 4,096", 4096, 5000),
    ("Prompt exceeds max length", None, None),  # Z.ai
    ("prompt_tokens + max_tokens must be <= 4096", 4096, None),
    ("invalid params, context window exceeds limit (2013)", None, None),  # MiniMax: its own code
    (
        "litellm.ContextWindowExceededError: OpenAIException - Error code: 400 - {'error': "
        "{'message': 'Your input exceeds the context window of this model.'}}",
        None,
        None,
    ),
    ("Total tokens of text exceed max message tokens. Request id: 0217724325966514", None, None),
    ("Prompt is too long for model mistral-large-2407", None, None),
    ("input token count exceeds the maximum number of tokens allowed (1048576).", 1048576, None),
    ("Input length (265330) exceeds maximum context length (262144).", 262144, 265330),
    ("Request length 71599 + 2048 is greater than max_seq_len 65536", 65536, 71599),  # TabbyAPI
    ("输入内容过长，请减少 Prompt 中的 token 数量后重试", None, None),
    ("Prompt 超长", None, None),  # Zhipu
    ("输入超过最大长度限制", None, None),
]


@pytest.mark.parametrize(("text", "window", "sent"), TOO_LONG, ids=range(len(TOO_LONG)))
def test_the_tokens_that_fit_and_those_that_were_sent_are_read(
    text: str, window: int | None, sent: int | None
) -> None:
    assert is_too_long(text)
    read, its = tokens_named(text)
    assert read == window
    assert its == sent


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens must be less than or equal to 16384, the maximum value for max_tokens is less "
        "than the context_window for this model",
        "max_tokens is too large: 99999. This model supports at most 16384 completion tokens.",
        "max_tokens: 5000 > 4096, which is the maximum allowed number of output tokens",
        "Rate limit reached on tokens per minute (TPM): Limit 6000, Used 5034, Requested 1443",
        "image exceeds 5 MB maximum: 5316852 bytes > 5242880 bytes",
        "Invalid 'tools': array too long. Expected an array with maximum length 128.",
        "A schema in the request exceeds the maximum allowed nesting depth.",
        "Too many images in request: 21 > 20",
        "Unknown parameter: context",
        "Post http://127.0.0.1/api/chat: context deadline exceeded (Client.Timeout exceeded)",
        "The prompt is empty",
        "max_tokens must be positive",
        "请求经过长时间未响应",
    ],
)
def test_what_is_too_long_in_another_way_is_not_taken_for_the_prompt(text: str) -> None:
    assert not is_too_long(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Please retry after 26 seconds.", 26),
        ("Please try again in 4.77s. Need more tokens?", 4.77),
        ("Please retry in 36.3s.", 36.3),
        ("Please try again in 1m20s. Visit", 80),
        ("try again in 20ms", 0.02),
        ("try again in 6 minutes", 360),
        ("try again in 1h2m3.5s", 3723.5),
        ("try again in a moment", None),
        ("tried again in vain, 3 s ago", None),
    ],
)
def test_a_wait_is_read_out_of_words(text: str, seconds: float | None) -> None:
    assert wait_named(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "header", ["nan", "inf", "1e400", "-5", "12 seconds", "", "Wed, 21 Oct 2015 07:28:00 GMT"]
)
def test_a_wait_that_is_none_is_a_moment(header: str) -> None:
    error = translate(refused(429, {"error": {"message": "slow"}}, {"retry-after": header}))
    assert isinstance(error, RateLimited) and "in a moment" in str(error)


def test_a_limit_without_a_wait_is_told_in_the_words_of_the_provider() -> None:
    text = "Your team has used all available credits"
    error = translate(refused(429, {"error": {"message": text}}))
    assert isinstance(error, RateLimited) and text in str(error)


def test_a_prompt_that_is_too_long_by_no_number_is_told_in_the_words_of_the_server() -> None:
    text = "Extra field near 'my prompt is too long'"
    assert text in str(translate(refused(400, {"error": {"message": text}})))


@pytest.mark.parametrize(
    "body",
    [
        {"error": "prompt is too long", "error_type": "validation"},
        [{"error": {"code": 400, "message": "prompt is too long", "status": "INVALID_ARGUMENT"}}],
        {"object": "error", "message": "prompt is too long", "code": 400},
        {
            "error": {
                "message": "Provider returned error",
                "metadata": {"raw": "prompt is too long"},
            }
        },
        {"detail": [{"loc": ["body"], "msg": "prompt is too long"}]},
        {"detail": "prompt is too long"},
        {"base_resp": {"status_code": 2013, "status_msg": "prompt is too long"}},
        {"Fehler": ["prompt is too long"]},
    ],
)
def test_a_reason_is_found_in_any_form(body: object) -> None:
    assert "prompt is too long" in said(body)
    assert isinstance(translate(refused(400, body)), ContextTooLong)


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (
            429,
            "You exceeded your current quota, see there. Please retry in 36s.",
            RateLimited,
        ),
        (429, "You exceeded your current quota, check your plan.", QuotaExhausted),
        (429, "Request too large for gpt-4o: Limit 30000, Requested 30601.", ContextTooLong),
        (408, "Request timed out", ServerFailed),
        (504, "context deadline exceeded", ServerFailed),
        (
            400,
            "ThrottlingException: Too many tokens, please wait before trying again.",
            RateLimited,
        ),
        (400, "ExceededBudget: User=x over budget. Spend=10.1, Budget=10.0", QuotaExhausted),
        (400, "Budget has been exceeded! Current cost: 0.1, Max budget: 0.05", QuotaExhausted),
        (400, "Content Exists Risk", ContentFiltered),
        (400, "litellm.ContentPolicyViolationError: The response was filtered", ContentFiltered),
        (400, "Input data may contain inappropriate content.", ContentFiltered),
        (403, "This model requires moderation, and your input was flagged.", ContentFiltered),
        (400, "Your request violates our usage policy.", ContentFiltered),
        (400, "Unknown parameter: moderation", Refused),
        (400, "The moderation model is not deployed in this region", Refused),
        (422, "guardrail_id: field required", Refused),
        (400, "messages[0].content violates schema: must be a string", Refused),
        (400, "thinking_budget exceeded 24576", Refused),
        (400, "The prompt template only supports user/assistant roles", Refused),
        (400, "Input should be a string; this model only supports text", Refused),
        (401, "Invalid key; content policy: see docs", Refused),
        (
            402,
            "Prompt tokens limit exceeded: 36163 > 29652. Upgrade to a paid account",
            ContextTooLong,
        ),
        (402, "This request requires more credits, or fewer max_tokens.", QuotaExhausted),
        (500, "Request length 71599 is greater than max_seq_len 65536", ContextTooLong),
        (401, "insufficient_quota for an invalid key", Refused),
        (503, "Guardrail service temporarily unavailable", ServerFailed),
        (503, "moderation backend unavailable", ServerFailed),
        (500, "content safety service timeout", ServerFailed),
        (500, "Failed to load model with context size 131072: out of memory", ServerFailed),
        (500, "CUDA out of memory: context size 4096", ServerFailed),
        (500, "the request exceeds the available context size", ContextTooLong),
        (400, "prompt won't fit in an n_ctx window of 2048", ContextTooLong),
    ],
)
def test_what_waiting_mends_is_told_from_what_it_does_not(
    status: int, text: str, kind: type[ModelError]
) -> None:
    assert type(translate(refused(status, {"error": {"message": text}}))) is kind


REFUSALS: list[tuple[str, Feature]] = [
    ("Developer instruction is not enabled for models/gemma-3-27b-it", "system_role"),
    ("Only user and assistant roles are supported!", "system_role"),
    ("Please use a valid role: user, model.", "system_role"),
    ("messages.0.role: Input should be 'user' or 'assistant'", "system_role"),
    ("Unrecognized request argument supplied: stream_options", "usage_report"),
    ("This response_format type is unavailable now", "schema"),
    ("Failed to initialize samplers: failed to parse grammar", "schema"),
    ("No endpoints found that support tool use.", "tools"),
    ("registry.ollama.ai/library/gemma:2b does not support tools", "tools"),
    ('"auto" tool choice requires --enable-auto-tool-choice', "tools"),
    ("deepseek-reasoner does not support this tool_choice", "tool_choice"),
    ("The tool_choice parameter does not support being set to required", "tool_choice"),
    ("Unsupported value: 'temperature' does not support 0.0", "temperature"),
    ("Unsupported parameter: 'max_tokens' is not supported with this model", "max_tokens"),
]


@pytest.mark.parametrize(("text", "feature"), REFUSALS, ids=[text for text, _ in REFUSALS])
def test_what_a_server_does_not_take_is_read_out_of_its_refusal(
    text: str, feature: Feature
) -> None:
    everything: list[Feature] = ["system_role", "schema", "tools", "temperature", "max_tokens"]
    everything.append("usage_report")
    for status in (400, 404, 422):
        cause = refused(status, {"error": {"message": text}})
        error = translate(cause)
        assert error is not None
        error.__cause__ = cause
        trial = Trial(Learned())
        asked = [*everything, feature] if feature == "tool_choice" else everything
        assert trial.leaves_out(error, asked)
        assert [each for each in asked if not trial.takes(each)] == [feature]


@pytest.mark.parametrize(
    ("body", "feature"),
    [
        ({"detail": [{"loc": ["body", "stream_options"], "msg": "Not permitted"}]}, "usage_report"),
        ({"detail": [{"loc": ["body", "tools"], "msg": "Not permitted"}]}, "tools"),
        ({"error": {"message": "Unrecognized field", "param": "response_format"}}, "schema"),
        ({"error": {"message": "Not permitted", "param": "temperature"}}, "temperature"),
        ({"message": "Not permitted", "param": "messages.0.role"}, "system_role"),
    ],
)
def test_what_a_server_does_not_take_is_read_out_of_the_place_that_it_names(
    body: dict[str, Any], feature: Feature
) -> None:
    cause = refused(422, body)
    error = translate(cause)
    assert error is not None
    error.__cause__ = cause
    everything: list[Feature] = ["system_role", "schema", "tools", "temperature", "usage_report"]
    trial = Trial(Learned())
    assert trial.leaves_out(error, everything)
    assert [each for each in everything if not trial.takes(each)] == [feature]


@pytest.mark.parametrize(
    "code", ["moderation_blocked", "guardrail_intervened", "content_policy_violation"]
)
def test_a_filter_is_known_by_what_its_error_is_called(code: str) -> None:
    body = {"error": {"message": "We cannot help with this.", "code": code}}
    assert isinstance(translate(refused(400, body)), ContentFiltered)


def test_a_refused_key_teaches_nothing_of_the_model() -> None:
    cause = refused(403, {"error": {"message": "Your role may not use tools"}})
    error = translate(cause)
    assert error is not None
    error.__cause__ = cause
    assert not Trial(Learned()).leaves_out(error, ["system_role", "tools"])
    assert isinstance(cause, openai.PermissionDeniedError)
