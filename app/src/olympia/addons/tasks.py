"""What the worker does."""

import re
import shutil
import tempfile
from pathlib import Path

from celery import Task, shared_task
from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.utils.text import slugify

from olympia.addons import search
from olympia.addons.models import Addon, Upload
from olympia.addons.validation import InvalidAddon, Manifest, unpack

LISTING_KEY = "addons-listing"


class UploadTask(Task):
    """A task that leaves no upload waiting for good."""

    def on_failure(
        self, exc: Exception, task_id: str, args: tuple[str], kwargs: dict[str, object], einfo: object
    ) -> None:
        """Say so when the last try has failed; the log has the reason."""
        Upload.objects.filter(pk=args[0], status=Upload.Status.PENDING).update(
            status=Upload.Status.INVALID, message="The file could not be checked. Upload it again, please."
        )


@shared_task(base=UploadTask, autoretry_for=(Exception,), retry_backoff=True, max_retries=8)
def process_upload(identity: str) -> str:
    """Check an upload and list it, or say what is wrong with it. Safe to repeat.

    Args:
        identity: The upload's primary key.

    Returns:
        The upload's status.
    """
    upload = Upload.objects.get(pk=identity)
    if upload.status != Upload.Status.PENDING:
        return upload.status
    try:
        with tempfile.TemporaryDirectory() as directory:
            manifest = unpack(upload.path, Path(directory))
        addon = publish(upload, manifest)
    except InvalidAddon as error:
        upload.status, upload.message = Upload.Status.INVALID, str(error)
    else:
        upload.status, upload.addon = Upload.Status.VALID, addon
        search.index(addon)
        cache.delete(LISTING_KEY)
    upload.save()
    upload.path.unlink(missing_ok=True)
    return upload.status


def publish(upload: Upload, manifest: Manifest) -> Addon:
    """Put the file where nginx serves it, and list the add-on.

    Args:
        upload: The upload.
        manifest: What its file says.
    """
    with transaction.atomic():
        addon = Addon.objects.filter(guid=manifest.guid).first() or Addon(
            guid=manifest.guid, slug=free_slug(manifest.name)
        )
        addon.name, addon.version, addon.summary = manifest.name, manifest.version, manifest.summary
        version = re.sub(r"[^A-Za-z0-9.]+", "-", manifest.version)
        addon.file = f"addons/{addon.slug}/{addon.slug}-{version}.xpi"
        target = settings.MEDIA_ROOT / addon.file
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(f".{upload.identity}.part")
        shutil.copyfile(upload.path, partial)
        partial.chmod(0o644)
        partial.replace(target)
        addon.save()
    return addon


def free_slug(name: str) -> str:
    """Return a slug that no add-on has.

    Args:
        name: The add-on's name.
    """
    slug = slugify(name)[:60] or "addon"
    taken = set(Addon.objects.filter(slug__startswith=slug).values_list("slug", flat=True))
    candidates = [slug, *(f"{slug}-{number}" for number in range(2, len(taken) + 3))]
    return next(candidate for candidate in candidates if candidate not in taken)
