"""What machines ask the site: which version it is, and whether it is well."""

import json
from pathlib import Path

from django.http import HttpRequest, JsonResponse

from olympia.amo import monitors

# Without the worker: a heartbeat is asked often, and the worker is not what answers people.
HEARTBEAT = ("mysql", "memcached", "redis", "rabbitmq", "elasticsearch", "storage")

# What a production image knows of itself; a development image is what is mounted in it.
BUILD_INFO = Path("/build-info.json")
BUILD = (
    json.loads(BUILD_INFO.read_text())
    if BUILD_INFO.exists()
    else {"build": "", "commit": "", "target": "development", "version": "local"}
)


def version(request: HttpRequest) -> JsonResponse:
    """Return what the image was built from. Asks no service, so that it tells whether the application itself runs."""
    return JsonResponse({"source": "addons.olympia, the embedded application"} | BUILD)


def heartbeat(request: HttpRequest) -> JsonResponse:
    """Return the state of the backing services; status 500 when one is not well."""
    return _answer(monitors.run(HEARTBEAT))


def monitor(request: HttpRequest) -> JsonResponse:
    """Return the state of every service, the worker too; status 500 when one is not well."""
    return _answer(monitors.run())


def _answer(results: dict[str, dict[str, object]]) -> JsonResponse:
    well = all(result["state"] for result in results.values())
    return JsonResponse(results, status=200 if well else 500)
