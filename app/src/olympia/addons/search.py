"""The search index of listed add-ons."""

from functools import cache

from django.conf import settings
from elasticsearch import Elasticsearch, NotFoundError
from elasticsearch.helpers import bulk

from olympia.addons.models import Addon

MAPPING = {
    "properties": {
        "name": {"type": "text"},
        "summary": {"type": "text"},
        "guid": {"type": "keyword"},
        "slug": {"type": "keyword"},
        "version": {"type": "keyword"},
    }
}
MAX_RESULTS = 50
CHUNK = 5000  # documents in a request
# A page has to answer soon. Making the index may take as long as a busy machine needs.
PAGE_SECONDS, INDEX_SECONDS = 5, 60


@cache
def client() -> Elasticsearch:
    """Return the client of the index."""
    location = settings.ELASTICSEARCH_LOCATION
    return Elasticsearch([location if "://" in location else f"http://{location}"], timeout=PAGE_SECONDS, max_retries=1)


def document(addon: Addon) -> dict[str, str]:
    """Return what the index knows of an add-on."""
    return {name: getattr(addon, name) for name in MAPPING["properties"]}


def index(addon: Addon) -> None:
    """Add or replace an add-on, so that the next search finds it."""
    client().index(index=settings.ELASTICSEARCH_INDEX, id=addon.pk, body=document(addon), refresh=True)


def reindex() -> int:
    """Make the index anew from the database; return how many add-ons it holds."""
    name = settings.ELASTICSEARCH_INDEX
    client().indices.delete(index=name, ignore=[404], request_timeout=INDEX_SECONDS)
    client().indices.create(index=name, body={"mappings": MAPPING}, request_timeout=INDEX_SECONDS)
    actions = ({"_index": name, "_id": addon.pk, "_source": document(addon)} for addon in Addon.objects.iterator())
    indexed, _errors = bulk(client(), actions, chunk_size=CHUNK, request_timeout=INDEX_SECONDS)
    # Once: with each chunk it would be many times the work.
    client().indices.refresh(index=name, request_timeout=INDEX_SECONDS)
    return indexed


def find(query: str) -> list[dict[str, str]]:
    """Return the documents that match a query, best first; none while there is no index.

    Args:
        query: What somebody typed.
    """
    body = {
        "query": {"multi_match": {"query": query, "fields": ["name^3", "summary"]}},
        "size": MAX_RESULTS,
    }
    try:
        hits = client().search(index=settings.ELASTICSEARCH_INDEX, body=body)["hits"]["hits"]
    except NotFoundError:
        return []
    return [hit["_source"] for hit in hits]
