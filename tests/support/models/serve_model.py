"""Serves a real model on loopback with llama.cpp's own server; `real_model` runs it.

python serve_model.py WEIGHTS CONTEXT [TEMPLATE]: prints the port once the model is loaded.
"""

import socket
import sys
import time
from pathlib import Path

import xllamacpp  # type: ignore[import-not-found]  # not of this environment


def main(weights: str, context: int, template: str | None) -> None:
    """Serve until killed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    params = xllamacpp.CommonParams()
    params.model.path = weights
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_ctx = context
    params.n_parallel = 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
    params.cpuparams.poll = params.cpuparams_batch.poll = 0  # waiting threads must not spin
    params.n_cache_reuse = 32  # what has moved in a prompt is not read anew
    params.use_jinja = True
    params.model_alias = {"smollm2"}
    if template:
        params.chat_template = Path(template).read_text()
    server = xllamacpp.Server(params)
    print(f"port {port} {server.listening_address}", flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
