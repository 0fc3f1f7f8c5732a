"""Opening a provider's model through LangChain: whatever keeps it from opening is one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

from models.errors import ModelSettingsError


@contextmanager
def opening(setting: str, packages: str = "") -> Iterator[None]:
    """Open a model inside.

    Args:
        setting: What names the model, as "MNEMO_CHAT_MODEL=groq:llama".
        packages: What it needs beside the package that LangChain asks for, after a space.

    Raises:
        ModelSettingsError: If a package is missing, or the provider's client cannot be made.
    """
    from openai import OpenAIError  # a second to import

    try:
        yield
    except ImportError as error:
        how = str(error).partition("`")[2].partition("`")[0] or f"install {error.name}"
        raise ModelSettingsError(
            f"{setting} needs a package that is not installed: {how}{packages}."
        ) from error
    except ModelSettingsError:
        raise
    except (ValueError, TypeError, OSError, OpenAIError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelSettingsError(f"{setting} cannot be opened: {reason}") from error
