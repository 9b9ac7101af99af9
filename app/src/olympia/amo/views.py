"""What machines ask the site: which version it is, and whether it is well."""

import os

from django.http import HttpRequest, JsonResponse

from olympia.amo import monitors

# Without the worker: a heartbeat is asked often, and the worker is not what answers people.
HEARTBEAT = ("mysql", "memcached", "redis", "rabbitmq", "elasticsearch", "storage")


def version(request: HttpRequest) -> JsonResponse:
    """Return what the image was built from. Asks no service, so that it tells whether the application itself runs."""
    return JsonResponse(
        {
            "source": "addons.olympia, the embedded application",
            "version": os.environ.get("DOCKER_VERSION") or "local",
            "commit": os.environ.get("DOCKER_COMMIT", ""),
            "build": os.environ.get("DOCKER_BUILD", ""),
            "target": os.environ.get("DOCKER_TARGET", ""),
        }
    )


def heartbeat(request: HttpRequest) -> JsonResponse:
    """Return the state of the backing services; status 500 when one is not well."""
    return _answer(monitors.run(HEARTBEAT))


def monitor(request: HttpRequest) -> JsonResponse:
    """Return the state of every service, the worker too; status 500 when one is not well."""
    return _answer(monitors.run())


def _answer(results: dict[str, dict[str, object]]) -> JsonResponse:
    well = all(result["state"] for result in results.values())
    return JsonResponse(results, status=200 if well else 500)
