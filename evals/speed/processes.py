"""Whole processes: how long a command takes to start, and a turn over HTTP."""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from time import perf_counter

import httpx

from evals.measures import percentile
from evals.speed.made_up import texts
from evals.speed.measure import WARM_UP, Figures
from evals.speed.peers import Place
from tests.support.servers.openai_server import Body, Reply, Structured, running_openai_server
from tests.support.servers.serve_process import serve_process

MNEMO = Path(sys.executable).with_name("mnemo")
STARTS = {
    "mnemo --help": (["--help"], ""),
    "mnemo facts": (["facts"], ""),
    "mnemo chat --json, one line": (["chat", "--json"], "I like tea.\n"),
}
REPLY = "That is good to know, and I shall remember what you told me about it just now."


def starts(folder: Path, times: int) -> dict[str, Figures]:
    """Return seconds and seconds of processor time of each command, the best of so many runs."""
    return {name: _start(folder, times, *how) for name, how in STARTS.items()}


def _start(folder: Path, times: int, words: list[str], said: str) -> Figures:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MNEMO_", "OPENAI_"))}
    env |= {"MNEMO_DATA_DIR": str(folder / "start"), "MNEMO_EMBEDDINGS": "wordllama"}
    runs = []
    for _ in range(times):
        begun, before = perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [str(MNEMO), *words],
            input=said,
            env=env,
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        runs.append((cpu, perf_counter() - begun))
    return {
        "cpu_seconds": round(min(cpu for cpu, _ in runs), 2),
        "seconds": round(min(seconds for _, seconds in runs), 2),
    }


def served(folder: Path, place: Place, turns: int) -> Figures:
    """Return what a turn over HTTP takes, its model behind HTTP too, and what the model takes."""
    with (
        running_openai_server() as model,
        serve_process(
            cwd=folder,
            MNEMO_REDIS_URL=place.redis_url,
            MNEMO_CHROMA_URL=place.chroma_url,
            MNEMO_EMBEDDINGS="wordllama",
            MNEMO_REMEMBER="background",
            MNEMO_CHAT_MODEL="scripted",
            OPENAI_BASE_URL=f"{model.url}/v1",
        ) as server,
        httpx.Client(timeout=60) as client,
    ):
        model.default = _answer
        whole, alone, cpu = [], [], 0.0
        for number, text in enumerate(texts(turns + WARM_UP)):
            if number == WARM_UP:
                cpu = _cpu(server.process.pid)
            begun = perf_counter()
            answer = client.post(f"{server.url}/chat/served/default", json={"message": text})
            answer.raise_for_status()
            whole.append((perf_counter() - begun) * 1000)
            asked = {"model": "scripted", "messages": [{"role": "user", "content": text}]}
            begun = perf_counter()
            client.post(f"{model.url}/v1/chat/completions", json=asked).raise_for_status()
            alone.append((perf_counter() - begun) * 1000)
        time.sleep(1)  # What is remembered in the background is counted too.
        spent = (_cpu(server.process.pid) - cpu) * 1000 / turns
        return {
            "turn": _shares(whole[WARM_UP:]),
            "model_alone": _shares(alone[WARM_UP:]),
            "cpu": round(spent, 1),
            "rss_mb": _rss(server.process.pid),
        }


def _shares(times: list[float]) -> Figures:
    return {f"p{share}": round(percentile(times, share / 100), 1) for share in (50, 95, 99)}


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1_000_000


def _answer(body: Body) -> Reply | Structured:
    schema = json.dumps(body.get("response_format") or body.get("tools") or "")
    if "facts" in schema:
        return Structured({"facts": [], "entities": []})
    return Structured({"value": 0.9, "missing": []}) if "missing" in schema else Reply(REPLY)
