# syntax=docker/dockerfile:1
# The web server, the worker and `migrate` run from this one image; see docs/deployment.md.
FROM python:3.13-slim AS packages
WORKDIR /srv/shop
RUN python -m venv /srv/venv
COPY requirements.txt ./
RUN /srv/venv/bin/pip install --no-cache-dir --disable-pip-version-check -r requirements.txt

FROM python:3.13-slim
ENV PATH=/srv/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    DATA_DIR=/srv/data \
    PDF_FONT=/usr/share/fonts/truetype/wqy/wqy-microhei.ttc
# Chinese, Japanese and Korean letters in PDF documents. Debian's release fixes the version.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends fonts-wqy-microhei \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --user-group --uid 10001 --home-dir /srv/data --create-home --shell /usr/sbin/nologin shop
COPY --from=packages /srv/venv /srv/venv
WORKDIR /srv/shop
# Without shop/dev and tests, which .dockerignore excludes.
COPY manage.py ./
COPY accounts ./accounts
COPY cart ./cart
COPY catalog ./catalog
COPY orders ./orders
COPY payments ./payments
COPY shop ./shop
RUN python -m compileall -q . \
    && python manage.py collectstatic --noinput --verbosity 0 --settings shop.conf.image_build
USER 10001:10001
EXPOSE 8000
# For the web server; the worker has its own, see compose.yaml.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-m", "shop.probe", "web"]
# Exec form: SIGTERM reaches the server, which first answers the requests in flight.
CMD ["python", "manage.py", "serve"]
