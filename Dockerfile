# Two stages: one builds the environment, the other holds it and nothing to build with.
FROM python:3.11-slim-bookworm AS build
RUN pip install --no-cache-dir uv
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
WORKDIR /app
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --frozen --no-dev --no-install-project --extra postgres --extra telegram
COPY settings.py ./
COPY domain domain
COPY models models
COPY stores stores
COPY nodes nodes
COPY graph graph
COPY evals evals
COPY service service
RUN uv sync --frozen --no-dev --no-editable --extra postgres --extra telegram

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --create-home mnemo && mkdir /data && chown mnemo /data
COPY --from=build /app/.venv /app/.venv
USER mnemo
WORKDIR /data
# Everything that is written lies in /data (embedded stores, caches) or /tmp: the root may be read-only.
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 MNEMO_DATA_DIR=/data/mnemo XDG_CACHE_HOME=/tmp
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/ready', timeout=4)"]
STOPSIGNAL SIGTERM
CMD ["mnemo", "serve", "--host", "0.0.0.0", "--port", "8000"]
