"""Takes secrets out of text before it is remembered for long: keys, tokens, cards, passwords.

The rules for keys and tokens are those of detect-secrets; a card number must pass its check digit.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache

from stdnum import luhn

from domain.records import Turn

REDACTED = "[secret removed]"
"""What stands in the place of a secret."""

_PLUGINS = (
    "artifactory.ArtifactoryDetector",
    "aws.AWSKeyDetector",
    "azure_storage_key.AzureStorageKeyDetector",
    "basic_auth.BasicAuthDetector",
    "discord.DiscordBotTokenDetector",
    "github_token.GitHubTokenDetector",
    "gitlab_token.GitLabTokenDetector",
    "jwt.JwtTokenDetector",
    "mailchimp.MailchimpDetector",
    "npm.NpmDetector",
    "openai.OpenAIDetector",
    "private_key.PrivateKeyDetector",
    "pypi_token.PypiTokenDetector",
    "sendgrid.SendGridDetector",
    "slack.SlackDetector",
    "square_oauth.SquareOAuthDetector",
    "stripe.StripeDetector",
    "telegram_token.TelegramBotTokenDetector",
    "twilio.TwilioKeyDetector",
)
_OURS = (
    # Whole key blocks, and current forms of provider keys that the library does not know yet.
    re.compile(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S
    ),
    re.compile(r"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{20,}"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+)?"),
    re.compile(r"\bAIza[A-Za-z0-9_-]{35}"),
    re.compile(r"\bBearer\s+[A-Za-z0-9._~+/-]{20,}=*"),
)
_SAID = re.compile(
    r"\b(?:pass(?:word|code|phrase)|pwd|api[ _-]?key|secret key|access token)\b"
    r"(?:\s+(?:is|was)\b|\s*[:=])\s*[\"'`]?(?P<secret>[^\s\"'`]{4,})",
    re.IGNORECASE,
)
_CARD = re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.]\d)")


def redact(text: str) -> str:
    """Return the text with every secret that is found in it replaced."""
    for start, end in reversed(_joined(_found(text))):
        text = text[:start] + REDACTED + text[end:]
    return text


def redact_turn(turn: Turn) -> Turn:
    """Return the turn with the secrets of its messages replaced; itself where there are none."""
    said = tuple(one.model_copy(update={"text": redact(one.text)}) for one in turn.messages)
    return turn if said == turn.messages else turn.model_copy(update={"messages": said})


def _found(text: str) -> Iterator[tuple[int, int]]:
    for rule in (*_rules(), *_OURS):
        for match in rule.finditer(text):
            yield match.span()
    for match in _SAID.finditer(text):
        yield match.span("secret")
    for match in _CARD.finditer(text):
        if luhn.is_valid(re.sub(r"\D", "", match.group())):
            yield match.span()


@cache
def _rules() -> tuple[re.Pattern[str], ...]:
    """Return the library's rules; they are loaded when first needed."""
    from importlib import import_module

    rules: list[re.Pattern[str]] = []
    for name in _PLUGINS:
        module, _, plugin = name.partition(".")
        detector = getattr(import_module(f"detect_secrets.plugins.{module}"), plugin)()
        rules += detector.denylist
    return tuple(rules)


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the spans in order, those that touch made one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
