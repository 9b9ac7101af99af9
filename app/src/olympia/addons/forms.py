"""The upload form."""

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _


class UploadForm(forms.Form):
    """Takes one file. Whether it is an add-on is for the worker to say."""

    xpi = forms.FileField(label=_("Add-on file (.xpi or .zip)"), max_length=255)

    def clean_xpi(self) -> UploadedFile:
        """Refuse a file that is too large to look at."""
        file: UploadedFile = self.cleaned_data["xpi"]
        if file.size > settings.MAX_UPLOAD_BYTES:
            raise forms.ValidationError(_("The file is larger than %d MiB.") % (settings.MAX_UPLOAD_BYTES // 2**20))
        return file
