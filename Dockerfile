# One image for the API and the worker. CPU by default; for NVIDIA GPUs: docker build --build-arg DEVICE=gpu .
ARG PYTHON=3.12
FROM python:${PYTHON}-slim AS build
ARG DEVICE=cpu
WORKDIR /src
RUN python -m venv /opt/tacit
ENV PATH=/opt/tacit/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements*.lock ./
RUN if [ "$DEVICE" = gpu ]; then lock=requirements-gpu.lock; else lock=requirements.lock; fi \
    && pip install --require-hashes --no-deps -r "$lock"
# The build backend comes from the lock file too, and stays out of the image.
RUN python -m venv /opt/build && /opt/build/bin/pip install --require-hashes --no-deps -r requirements-dev.lock
COPY . .
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/wheel . \
    && pip install --no-deps /tmp/wheel/*.whl

FROM python:${PYTHON}-slim
RUN useradd --create-home --uid 10001 tacit && mkdir /data && chown tacit:tacit /data
COPY --from=build /opt/tacit /opt/tacit
ENV PATH=/opt/tacit/bin:$PATH PYTHONUNBUFFERED=1 TACIT_DATA_DIR=/data
USER tacit
VOLUME /data
EXPOSE 8000
CMD ["tacit", "up", "--host", "0.0.0.0", "--port", "8000", "--data-dir", "/data"]
