"""What the offline model says to small talk, and when asked what it is or for what it cannot do."""

import re

from models.offline.texts import Texts, languages
from models.offline.words import content

ABOUT = (
    "I am the built-in offline model: there is no language model behind me. I can remember what "
    "you tell me and quote it back with its date. To talk with a language model, set "
    "OPENAI_API_KEY, or OPENAI_BASE_URL and MNEMO_CHAT_MODEL for a server of your own such as "
    f"Ollama, and start again. I quote and greet in these languages: {', '.join(languages())}."
)
CANNOT = (
    "I cannot do that: I am the built-in offline model and can only repeat what you told me. "
    'Say "help" to see how to switch to a language model.'
)
_ACKNOWLEDGED = (
    "Noted.",
    "Thank you, I will remember that.",
    "Got it.",
    "Good to know, thank you.",
    "I have noted that.",
    "Understood, I will keep that in mind.",
    "Thanks for telling me.",
    "All right, I will remember.",
)
_GREETING = re.compile(
    r"^(hi|hiya|hello|hey|hallo|hola|bonjour|ciao|greetings|good (morning|afternoon|evening|day))\b"
    r"[\w ,'!.]{0,24}$",
    re.IGNORECASE,
)
_FAREWELL = re.compile(r"^(bye|goodbye|good night|see you|ciao|farewell)\b.{0,24}$", re.IGNORECASE)
_THANKS = re.compile(r"^(thanks|thank you|thx|cheers)\b.{0,24}$", re.IGNORECASE)
_SELF = re.compile(
    r"^/?help\b.{0,10}$|\b(who|what) are you\b|\bwhat can you do\b|\bhow do you work\b"
    r"|\bare you (an? )?(ai|bot|robot|human|real|llm|language model|chatgpt)\b"
    r"|\bwhat('s| is) your name\b|\bwhat model\b",
    re.IGNORECASE,
)
_TASK = re.compile(
    r"^(please |can you |could you |would you )*(write|translate|explain|summari[sz]e|calculate"
    r"|compute|generate|create|compose|draw|code|suggest|recommend|tell me a (joke|story)|sing)\b",
    re.IGNORECASE,
)


def small_talk(message: str, met: bool) -> str | None:
    """Return the answer to a greeting, thanks and the like; None for a message of another kind.

    Args:
        message: On one line.
        met: Whether anything is remembered of whoever says it.
    """
    for pattern, answer in (
        (_SELF, ABOUT),
        (_GREETING, "Hello again!" if met else "Hello! Tell me something about you."),
        (_THANKS, "You are welcome."),
        (_FAREWELL, "Goodbye. I will remember what you told me."),
        (_TASK, CANNOT),
    ):
        if pattern.search(message):
            return answer
    return None


def acknowledgement(message: str, texts: Texts) -> str:
    """Return what is said to a message that asks nothing; English varies it by the message."""
    if not texts.english:
        return texts.noted if content(message) else texts.hello
    return _ACKNOWLEDGED[sum(message.encode("utf-8", "replace")) % len(_ACKNOWLEDGED)]
