"""The site's pages."""

import logging
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from elasticsearch import ElasticsearchException
from kombu.exceptions import OperationalError

from olympia.addons import search as index
from olympia.addons.forms import UploadForm
from olympia.addons.models import Addon, Upload
from olympia.addons.tasks import LISTING_KEY, process_upload

LISTING_SECONDS = 60

logger = logging.getLogger(__name__)


def home(request: HttpRequest) -> HttpResponse:
    """List the add-ons, from the cache where it has them."""
    addons = cache.get_or_set(LISTING_KEY, lambda: list(Addon.objects.all()[:100]), LISTING_SECONDS)
    # Without a cache there is nothing to get or set.
    return render(request, "addons/home.html", {"addons": addons if addons is not None else Addon.objects.all()[:100]})


def search(request: HttpRequest) -> HttpResponse:
    """Show what the index finds."""
    query = request.GET.get("q", "").strip()
    context: dict[str, object] = {"query": query}
    try:
        context["results"] = index.find(query) if query else []
    except ElasticsearchException:
        logger.exception("The search index does not answer")
        context["unavailable"] = True
    return render(request, "addons/search.html", context, status=503 if "unavailable" in context else 200)


def detail(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one add-on."""
    return render(request, "addons/detail.html", {"addon": get_object_or_404(Addon, slug=slug)})


def upload(request: HttpRequest) -> HttpResponse:
    """Take a file and hand it to the worker."""
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["xpi"]
        received = Upload(file_name=file.name[:255])
        settings.INCOMING_ROOT.mkdir(parents=True, exist_ok=True)
        with received.path.open("wb") as target:
            for chunk in file.chunks():
                target.write(chunk)
        received.save()
        try:
            process_upload.delay(str(received.pk))
        except OperationalError:
            logger.exception("Upload %s could not be queued", received.pk)
            received.path.unlink()
            received.status = Upload.Status.INVALID
            received.message = "The file could not be passed on. Upload it again later, please."
            received.save()
        return redirect("status", identity=received.pk)
    return render(request, "addons/upload.html", {"form": form}, status=400 if form.errors else 200)


def status(request: HttpRequest, identity: UUID) -> HttpResponse:
    """Show what became of an upload."""
    return render(request, "addons/status.html", {"upload": get_object_or_404(Upload, pk=identity)})


def status_json(request: HttpRequest, identity: UUID) -> JsonResponse:
    """Say what became of an upload, for scripts."""
    found = get_object_or_404(Upload, pk=identity)
    return JsonResponse(
        {
            "status": found.status,
            "message": found.message,
            "url": found.addon.get_absolute_url() if found.addon else "",
            "download_url": found.addon.download_url if found.addon else "",
        }
    )
