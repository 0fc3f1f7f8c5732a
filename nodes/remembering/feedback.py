"""Sends how good a summary is to LangSmith, where tracing is on."""

import asyncio
import logging
from uuid import UUID

from langchain_core.callbacks import BaseCallbackManager
from langgraph.config import get_config
from langsmith import Client
from langsmith.run_helpers import get_current_run_tree, get_tracing_context
from langsmith.run_trees import get_cached_client
from langsmith.utils import LangSmithError, get_tracer_project, tracing_is_enabled

from domain.records import Episode

_log = logging.getLogger(__name__)


async def send_quality(episode: Episode) -> None:
    """Attach id, check and score of a fresh episode to the run that folded it."""
    if not tracing_is_enabled():
        return
    if step := get_current_run_tree():
        step.add_metadata({"episode": episode.id, "folded_turns": len(episode.turns)})
    callbacks = get_config().get("callbacks")
    run = callbacks.parent_run_id if isinstance(callbacks, BaseCallbackManager) else None
    if run is None:
        return
    context = get_tracing_context()
    client: Client = context.get("client") or get_cached_client()
    project = context.get("project_name") or get_tracer_project() or "default"
    try:
        await asyncio.to_thread(_send, client, project, run, episode)
    except LangSmithError as error:
        _log.warning("LangSmith did not take the quality of a summary: %s", error)


def _send(client: Client, project: str, run: UUID, episode: Episode) -> None:
    session = client.read_project(project_name=project).id
    scores = {"summary_coverage": episode.coverage, "summary_score": episode.score}
    for key, score in scores.items():
        if score is not None:
            client.create_feedback(
                run_id=run,
                session_id=session,
                key=key,
                score=score,
                comment="; ".join(episode.missing) or None,
                stop_after_attempt=1,
            )
