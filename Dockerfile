# The service in a container: `docker build --tag qa-service .`, then
# `docker run --publish 127.0.0.1:8000:8000 --volume qa-index:/app/index qa-service`.

FROM python:3.11-slim-bookworm AS build
# Optional packages, separated by commas: `--build-arg EXTRAS=providers,postgres`.
ARG EXTRAS=""
WORKDIR /build
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY qa_service qa_service
RUN python -m venv /opt/qa-service \
    && /opt/qa-service/bin/pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt ".${EXTRAS:+[$EXTRAS]}"

FROM python:3.11-slim-bookworm
COPY --from=build /opt/qa-service /opt/qa-service
WORKDIR /app
COPY documents documents
# The index is the one folder that the service writes, unless QA_ADMIN_KEYS is set and the documents are mounted.
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin qa \
    && mkdir index \
    && chown qa:qa index
VOLUME ["/app/index"]
USER 10001:10001
ENV PATH=/opt/qa-service/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    QA_DOCUMENTS=/app/documents \
    QA_INDEX=/app/index \
    QA_HOST=0.0.0.0 \
    QA_PORT=8000
EXPOSE 8000
# Ready to take requests; a proxy in the environment is not asked.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request as web; web.build_opener(web.ProxyHandler({})).open('http://127.0.0.1:' + os.environ['QA_PORT'] + '/healthz', timeout=3)"]
STOPSIGNAL SIGTERM
# A document that cannot be read is reported and does not keep the service from starting; exec hands signals to it.
CMD ["sh", "-c", "qa-service index; exec qa-service serve"]
