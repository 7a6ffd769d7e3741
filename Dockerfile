# The application on a slim Python: built in one stage, run in the other by a user who owns nothing but var/.
# `make image` builds it. A tag may be another image tomorrow. To pin it: --build-arg
# PYTHON_IMAGE=python:3.13-slim@sha256:..., with the digest that `docker buildx imagetools inspect python:3.13-slim` says.
ARG PYTHON_IMAGE=python:3.13-slim
FROM ${PYTHON_IMAGE} AS build
# For ALERT_URLS: requirements-alerts.txt; for SENTRY_DSN and OTEL_*, too: requirements-watch.txt;
# for a bucket of STORAGE_URL, too: requirements-storage.txt
ARG REQUIREMENTS=requirements.txt
WORKDIR /app
COPY requirements.txt requirements-alerts.txt requirements-watch.txt requirements-storage.txt ./
# Nothing installs anything afterwards, so what installs does not stay, nor do the tests of the largest packages. Only wheels
# are taken: there is no compiler, and what a package would run while it is built nobody has looked at.
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary :all: --require-hashes -r "$REQUIREMENTS" \
    && /opt/venv/bin/pip uninstall --yes --disable-pip-version-check pip \
    && find /opt/venv/lib/python3.*/site-packages/numpy /opt/venv/lib/python3.*/site-packages/scipy \
        /opt/venv/lib/python3.*/site-packages/sklearn -type d -name tests -prune -exec rm -r {} +
COPY pyproject.toml manage.py ./
COPY rsolv_cs ./rsolv_cs
COPY analytics ./analytics
COPY customers ./customers
COPY templates ./templates
RUN /opt/venv/bin/python -m rsolv_cs.catalogues compile
# With a key for this command alone: none is in the image. The modules are compiled, since nothing can be written later.
RUN SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(50))')" STATIC_DIR=/app/static \
    /opt/venv/bin/python manage.py collectstatic --noinput --verbosity 0 \
    && /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash rsolv_cs analytics customers \
    && /opt/venv/bin/python -c "import sklearn.isotonic, sklearn.linear_model, sklearn.preprocessing" \
    && rm -rf var

FROM ${PYTHON_IMAGE}
RUN groupadd --system --gid 10001 rsolv \
    && useradd --system --uid 10001 --gid 10001 --home-dir /app --shell /usr/sbin/nologin rsolv \
    && python -m pip uninstall --yes --root-user-action=ignore --disable-pip-version-check pip \
    && rm -rf /usr/local/lib/python3.*/ensurepip
WORKDIR /app
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app ./
COPY deploy/gunicorn.conf.py ./deploy/gunicorn.conf.py
COPY fixtures ./fixtures
RUN mkdir var && chown rsolv:rsolv var
# By number, so that Kubernetes' runAsNonRoot can see that it is not root.
USER 10001:10001
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 STATIC_DIR=/app/static HOST=0.0.0.0 PORT=8000
VOLUME /app/var
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=4)"]
CMD ["gunicorn", "--config", "deploy/gunicorn.conf.py", "rsolv_cs.wsgi"]
# At the end, since they change with each commit, and what stands above them need not be built again.
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="RSOLV Customer Success" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
