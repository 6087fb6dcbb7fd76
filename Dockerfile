# The service alone: no compiler, no pip cache, no tests and no training libraries in the last stage.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# The kernel is compiled here. The official image brings Python's headers, a Debian one has them in a package.
RUN headers=$(python -c 'import os, sysconfig; print(os.path.exists(sysconfig.get_path("include") + "/Python.h"))') \
    && [ "$headers" = True ] && dev= || dev=python3-dev; \
    apt-get update -qq && apt-get install -y -qq --no-install-recommends gcc libc6-dev $dev && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/wiretag
WORKDIR /src
COPY service/requirements.txt service/requirements.txt
# Behind a proxy with a certificate of its own, hand its bundle in as the build secret `pip_ca`; it enters no layer.
RUN --mount=type=secret,id=pip_ca \
    if [ -s /run/secrets/pip_ca ]; then export PIP_CERT=/run/secrets/pip_ca; fi; \
    /opt/wiretag/bin/python -m pip install --quiet --require-hashes -r service/requirements.txt
COPY pyproject.toml README.md ./
COPY models models
COPY service service
COPY training training
RUN /opt/wiretag/bin/python -m pip install --quiet --no-deps --no-build-isolation . \
    && /opt/wiretag/bin/python -m pip uninstall --quiet --yes setuptools pip \
    && /opt/wiretag/bin/wiretag models verify \
    && cd / && /opt/wiretag/bin/python -c 'from models import kernels; assert kernels.name() == "compiled"'

FROM ${BASE}
LABEL org.opencontainers.image.title="wiretag" \
      org.opencontainers.image.description="Cuts scraped news pages into segments and tags them with topics"
COPY --from=build /opt/wiretag /opt/wiretag
# In here 0.0.0.0 is the container's own network: who publishes the port decides who reaches it, and compose.yaml publishes it on
# loopback. So it may start without keys; WIRETAG_KEYS asks for them all the same.
ENV PATH=/opt/wiretag/bin:$PATH PYTHONUNBUFFERED=1 WIRETAG_BIND=0.0.0.0:8000 WIRETAG_OPEN=1
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=5s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
ENTRYPOINT ["wiretag"]
CMD ["serve"]
