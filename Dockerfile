# syntax=docker/dockerfile:1
# One image for every process: web, gateway, worker, beat, collector and the one-shot migration differ in their command.
ARG PYTHON_VERSION=3.13

FROM python:${PYTHON_VERSION}-slim AS packages
ENV UV_LINK_MODE=copy
WORKDIR /build
RUN python -m venv /opt/venv
COPY .ci/install .ci/install
COPY requirements.lock requirements-uv.lock ./
# Hashes are checked: a package that changed since the lock was made stops the build.
RUN sh .ci/install /opt/venv/bin requirements.lock \
    && /opt/venv/bin/python -m pip uninstall --quiet --yes uv

FROM python:${PYTHON_VERSION}-slim AS run
LABEL org.opencontainers.image.title="Breakwater" \
      org.opencontainers.image.description="Multi-tenant LLM gateway and reliability control plane" \
      org.opencontainers.image.licenses="Apache-2.0"
# /data is VAR_DIR: the event spool, metric files and collected static files. /run/metrics is made for a tmpfs.
RUN groupadd --gid 10001 breakwater \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin breakwater \
    && install -d -o breakwater -g breakwater -m 0750 /data /data/spool /data/static /run/metrics
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY . .
# PYTHONDONTWRITEBYTECODE comes after compiling: at run time /app is read-only to the process.
RUN /opt/venv/bin/python -m compileall -q /app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    LOG_FORMAT=json \
    HOST=0.0.0.0 \
    PORT=8080 \
    VAR_DIR=/data \
    PROMETHEUS_MULTIPROC_DIR=/run/metrics
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
# Only the web command listens; compose switches the check off for the other processes.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['PORT']}/health\", timeout=2)"]
CMD ["python", "manage.py", "web"]
