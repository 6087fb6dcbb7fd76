# Two images from one file: `service` (the default) and `train`, which adds scikit-learn for `wiretag retrain`.
# Neither holds a compiler, pip's cache or a library's tests.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
# The kernel is compiled here. The official image brings Python's headers, a Debian one has them in a package.
# No versions are named: the compiler stays in this stage, and Debian keeps only the newest of a package.
# hadolint ignore=DL3008
RUN headers=$(python -c 'import os, sysconfig; print(os.path.exists(sysconfig.get_path("include") + "/Python.h"))') \
    && if [ "$headers" = True ]; then dev=libc6-dev; else dev=python3-dev; fi \
    && apt-get update -qq && apt-get install -y -qq --no-install-recommends gcc libc6-dev "$dev" && rm -rf /var/lib/apt/lists/*
RUN python -m venv --without-pip /opt/wiretag
WORKDIR /src
COPY service/requirements-image.txt service/requirements-image.txt
# Behind a proxy with a certificate of its own, hand its bundle in as the build secret `pip_ca`; it enters no layer.
RUN --mount=type=secret,id=pip_ca \
    if [ -s /run/secrets/pip_ca ]; then export PIP_CERT=/run/secrets/pip_ca; fi; \
    pip --python /opt/wiretag/bin/python install --quiet --require-hashes -r service/requirements-image.txt
COPY pyproject.toml README.md ./
COPY models models
COPY service service
COPY training training
RUN pip --python /opt/wiretag/bin/python wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels . \
    && pip --python /opt/wiretag/bin/python install --quiet --no-deps /wheels/*.whl
RUN pip --python /opt/wiretag/bin/python uninstall --quiet --yes setuptools

# For the service: libraries as bytecode alone, without tests and symbols; our own rooms with their source, without the corpus.
FROM build AS slim
WORKDIR /opt/wiretag/site
RUN ln -s ../lib/python3*/site-packages packages
WORKDIR /opt/wiretag/site/packages
RUN mkdir /rooms && mv models service training wiretag-*.dist-info /rooms \
    && find . -depth -type d -name tests -exec rm -rf {} + && rm -rf numpy/distutils numpy/f2py numpy/random numpy/fft numpy/polynomial numpy/_core/_simd*.so \
    && rm -rf sqlalchemy/dialects/mssql sqlalchemy/dialects/mysql sqlalchemy/dialects/oracle \
    && python -m compileall -q -b . && find . -name '*.py' -delete && find . -depth -name __pycache__ -exec rm -rf {} + \
    && find . \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.pxi' -o -name '*.c' -o -name '*.h' -o -name '*.a' -o -name RECORD \) -delete \
    && find . -name '*.so' -not -path './*.libs/*' -exec strip --strip-unneeded {} + \
    && mv /rooms/* . && rm -rf training/corpus models/kernel /opt/wiretag/site
WORKDIR /
RUN /opt/wiretag/bin/wiretag models verify && /opt/wiretag/bin/python -c 'from models import kernels; assert kernels.name() == "compiled"'

FROM build AS build-train
COPY training/requirements.txt training/requirements.txt
RUN --mount=type=secret,id=pip_ca \
    if [ -s /run/secrets/pip_ca ]; then export PIP_CERT=/run/secrets/pip_ca; fi; \
    pip --python /opt/wiretag/bin/python install --quiet --require-hashes -r training/requirements.txt \
    && pip --python /opt/wiretag/bin/python uninstall --quiet --yes setuptools \
    && find /opt/wiretag/lib -depth -type d -name tests -exec rm -rf {} + \
    && /opt/wiretag/bin/python -c 'import scipy.sparse, sklearn.linear_model, sklearn.feature_extraction, sklearn.model_selection, training.retrain'

FROM ${BASE} AS runtime
ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.title="wiretag" \
      org.opencontainers.image.description="Cuts scraped news pages into segments and tags them with topics" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# A volume that is new takes over the owner of the folder that it is mounted on.
RUN install -d -o 10001 -g 10001 /models /data /secrets
# In here 0.0.0.0 is the container's own network: who publishes the port decides who reaches it, and compose.yaml publishes it on
# loopback. So it may start without keys; WIRETAG_KEYS asks for them all the same.
ENV PATH=/opt/wiretag/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 WIRETAG_BIND=0.0.0.0:8000 WIRETAG_OPEN=1
USER 10001:10001
WORKDIR /data
STOPSIGNAL SIGTERM
ENTRYPOINT ["wiretag"]

FROM runtime AS train
LABEL org.opencontainers.image.title="wiretag-train"
COPY --from=build-train /opt/wiretag /opt/wiretag
CMD ["retrain"]

FROM runtime AS service
COPY --from=slim /opt/wiretag /opt/wiretag
EXPOSE 8000
# A socket, as urllib alone would cost five times the start of Python.
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-I", "-S", "-c", "import socket; s = socket.create_connection(('127.0.0.1', 8000), 2); s.sendall(b'GET /readyz HTTP/1.0\\r\\nHost: health\\r\\n\\r\\n'); raise SystemExit(b' 200 ' not in s.recv(64))"]
CMD ["serve"]
