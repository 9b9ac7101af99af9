"""The site, against the running services: database, cache, queue, index and storage are the real ones."""

import io
import json
import uuid
import zipfile

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from olympia.addons import search
from olympia.addons.models import Addon, Upload
from olympia.addons.tasks import process_upload
from olympia.amo import monitors

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def index_of_its_own(settings):
    """Keep the site's own index out of the tests."""
    settings.ELASTICSEARCH_INDEX = f"test-{uuid.uuid4().hex}"
    search.reindex()
    yield
    search.client().indices.delete(index=settings.ELASTICSEARCH_INDEX)


@pytest.fixture(autouse=True)
def storage_of_its_own(settings, tmp_path):
    """Keep the site's own files out of the tests."""
    settings.INCOMING_ROOT = tmp_path / "incoming"
    settings.MEDIA_ROOT = tmp_path / "media"


def archive(**files: str) -> bytes:
    """Return a zip archive of text files; two underscores stand for a dot."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name, text in files.items():
            target.writestr(name.replace("__", "."), text)
    return buffer.getvalue()


def damaged(content: bytes) -> bytes:
    """Return an archive whose list of files is fine and whose first file is not."""
    return content[:50] + b"\xff" * 20 + content[70:]


def manifest(name: str = "Sample", **more: object) -> str:
    """Return a manifest that the site accepts."""
    guid = {"gecko": {"id": f"{name.lower()}@example.org"}}
    return json.dumps({"manifest_version": 2, "name": name, "version": "1.2", "browser_specific_settings": guid} | more)


def send(content: bytes) -> Upload:
    """Put a file where the upload view puts it, and have it processed at once."""
    upload = Upload.objects.create(file_name="sample.xpi")
    settings.INCOMING_ROOT.mkdir(parents=True, exist_ok=True)
    upload.path.write_bytes(content)
    process_upload(str(upload.pk))
    upload.refresh_from_db()
    return upload


def test_an_upload_is_listed_found_and_downloadable():
    upload = send(archive(manifest__json=manifest("Marigold", description="Counts petals.")))
    assert upload.status == "valid", upload.message
    assert b"Marigold" in Client().get("/").content
    assert [hit["name"] for hit in search.find("petals")] == ["Marigold"]
    assert (settings.MEDIA_ROOT / upload.addon.file).is_file()
    assert not upload.path.exists()


def test_a_new_version_replaces_the_old_one():
    send(archive(manifest__json=manifest("Marigold")))
    upload = send(archive(manifest__json=manifest("Marigold", version="2.0")))
    assert Addon.objects.get(guid="marigold@example.org").version == "2.0"
    assert upload.addon.file.endswith("marigold-2.0.xpi")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"not a zip archive", "not a readable zip archive"),
        (archive(readme__txt="hello"), "no manifest.json"),
        (archive(manifest__json="{"), "not valid JSON"),
        (archive(manifest__json="[]"), "not a JSON object"),
        (archive(manifest__json=manifest(version=3)), "has no version"),
        (archive(manifest__json=json.dumps({"name": "x", "version": "1"})), "gecko.id"),
        (archive(**{"../evil": "x", "manifest__json": manifest()}), "outside of itself"),
        (damaged(archive(manifest__json=manifest(description="petals " * 500))), "not a readable zip archive"),
        (archive(manifest__json=manifest(), a="x", **{"a/b": "x"}), "cannot be unpacked beside each other"),
        (archive(manifest__json=manifest(), **{"n" * 300: "x"}), "too long names"),
        (archive(manifest__json="[" * 100_000), "not valid JSON"),
        (archive(manifest__json=manifest(name="\ud800")), "not valid JSON"),
    ],
)
def test_a_bad_upload_is_refused_with_its_reason(content, words):
    upload = send(content)
    assert (upload.status, Addon.objects.count()) == ("invalid", 0)
    assert words in upload.message


def test_an_upload_that_nothing_can_check_does_not_wait_for_good():
    upload = Upload.objects.create(file_name="lost.xpi")
    result = process_upload.apply(args=[str(upload.pk)], retries=process_upload.max_retries)
    upload.refresh_from_db()
    assert isinstance(result.result, FileNotFoundError)
    assert (upload.status, upload.message) == ("invalid", "The file could not be checked. Upload it again, please.")


@pytest.fixture
def no_index_server(settings):
    """Point the index's client at a port that nothing listens on."""
    location, settings.ELASTICSEARCH_LOCATION = settings.ELASTICSEARCH_LOCATION, "127.0.0.1:1"
    search.client.cache_clear()
    yield
    settings.ELASTICSEARCH_LOCATION = location
    search.client.cache_clear()


def test_a_search_without_an_index_server_says_so(no_index_server):
    answer = Client().get("/search/", {"q": "petals"})
    assert answer.status_code == 503
    assert b"search-unavailable" in answer.content


def test_the_form_refuses_a_file_that_is_too_large(settings):
    settings.MAX_UPLOAD_BYTES = 10
    answer = Client().post("/upload/", {"xpi": SimpleUploadedFile("large.xpi", b"x" * 11)})
    assert answer.status_code == 400
    assert Upload.objects.count() == 0


def test_the_page_speaks_the_visitors_language():
    assert "Erweiterungen" in Client().get("/", headers={"accept-language": "de"}).content.decode()


def test_a_page_that_does_not_exist_says_so_in_the_visitors_language():
    for path in ("/nowhere/", "/addon/no-such-addon/"):
        answer = Client().get(path, headers={"accept-language": "de"})
        assert answer.status_code == 404
        assert "Seite nicht gefunden" in answer.content.decode()


def test_every_service_is_checked_for_real():
    results = monitors.run()
    assert set(results) == {"mysql", "memcached", "redis", "rabbitmq", "elasticsearch", "storage", "worker"}
    assert [name for name, result in results.items() if not result["state"]] == []
