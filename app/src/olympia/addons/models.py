"""Add-ons and the uploads that they come from."""

import uuid

from django.conf import settings
from django.db import models
from django.urls import reverse


class Addon(models.Model):
    """A listed add-on: the newest version that was uploaded of it."""

    guid = models.CharField(max_length=255, unique=True)
    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=255)
    summary = models.TextField(blank=True)
    version = models.CharField(max_length=64)
    # Below MEDIA_ROOT. Empty for add-ons that are listed as examples.
    file = models.CharField(max_length=255, blank=True)
    modified = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("-modified", "name")

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    def get_absolute_url(self) -> str:
        """Return the address of the add-on's page."""
        return reverse("detail", args=[self.slug])

    @property
    def download_url(self) -> str:
        """Return where nginx serves the file, or the empty string."""
        return settings.MEDIA_URL + self.file if self.file else ""


class Upload(models.Model):
    """A file that somebody sent, and what became of it."""

    class Status(models.TextChoices):
        """What became of an upload."""

        PENDING = "pending"
        VALID = "valid"
        INVALID = "invalid"

    identity = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    file_name = models.CharField(max_length=255)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    message = models.TextField(blank=True)
    addon = models.ForeignKey(Addon, null=True, on_delete=models.SET_NULL, related_name="uploads")
    created = models.DateTimeField(auto_now_add=True)

    @property
    def path(self):
        """Return where the file waits for the worker. Not below MEDIA_ROOT: nobody may download what nobody checked."""
        return settings.INCOMING_ROOT / f"{self.identity}.xpi"
