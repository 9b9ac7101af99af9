"""Checks that each use one backing service for real."""

import time
import uuid
from collections.abc import Callable

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from redis import Redis

from olympia.addons import search
from olympia.amo.celery import app

# How long a check waits for an answer.
SECONDS = 3.0


def mysql() -> None:
    """Ask the database a question.

    Raises:
        Exception: Whatever the client raises.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def memcached() -> None:
    """Write to the cache and read it back.

    Raises:
        RuntimeError: The value did not come back; the cache client itself swallows errors.
    """
    value = uuid.uuid4().hex
    cache.set("monitor", value, timeout=10)
    if cache.get("monitor") != value:
        raise RuntimeError("a value that was just written is not there")


def redis() -> None:
    """Write to the results' store and read it back.

    Raises:
        RuntimeError: The value did not come back.
    """
    value = uuid.uuid4().hex
    # Not by Celery's own client, which tries for many seconds before it says that the server is away.
    with Redis.from_url(
        settings.CELERY_RESULT_BACKEND, socket_timeout=SECONDS, socket_connect_timeout=SECONDS
    ) as store:
        store.set("monitor", value, ex=10)
        if store.get("monitor") != value.encode():
            raise RuntimeError("a value that was just written is not there")


def rabbitmq() -> None:
    """Log in at the broker.

    Raises:
        Exception: Whatever the client raises.
    """
    with app.connection_for_read() as broker:
        broker.ensure_connection(max_retries=1, timeout=SECONDS)


def elasticsearch() -> None:
    """Ask the index for a document count.

    Raises:
        Exception: Whatever the client raises.
    """
    search.client().count(index=settings.ELASTICSEARCH_INDEX)


def storage() -> None:
    """Write a file where uploads go.

    Raises:
        OSError: It cannot be written.
    """
    settings.MEDIA_ROOT.mkdir(parents=True, exist_ok=True)
    probe = settings.MEDIA_ROOT / f".monitor-{uuid.uuid4().hex}"
    probe.write_text("monitor")
    probe.unlink()


def worker() -> None:
    """Ping the workers.

    Raises:
        RuntimeError: None answers.
    """
    if not app.control.ping(timeout=SECONDS, limit=1):
        raise RuntimeError(f"no worker answers within {SECONDS} s")


CHECKS: dict[str, Callable[[], None]] = {
    check.__name__: check for check in (mysql, memcached, redis, rabbitmq, elasticsearch, storage, worker)
}


def run(names: tuple[str, ...] = tuple(CHECKS)) -> dict[str, dict[str, object]]:
    """Return state, message and milliseconds of each check.

    Args:
        names: Names of the checks to run.
    """
    results: dict[str, dict[str, object]] = {}
    for name in names:
        started = time.monotonic()
        try:
            CHECKS[name]()
            message = ""
        except Exception as error:  # a monitor reports every fault, whatever its type
            message = f"{type(error).__name__}: {error}"
        milliseconds = round((time.monotonic() - started) * 1000)
        results[name] = {"state": not message, "status": message, "milliseconds": milliseconds}
    return results
