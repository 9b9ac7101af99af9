"""Settings of the site. Addresses and passwords come from the environment, which Compose sets.

The defaults let the image's build collect static files, where there are no services.
"""

from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.management.utils import get_random_secret_key

env = environ.Env()
ROOT = Path(__file__).resolve().parents[3]

DEBUG = env.bool("DEBUG", default=False)
# Without one, as in the build, a key that nobody can know; each process then signs with its own.
SECRET_KEY = env("SECRET_KEY", default="") or get_random_secret_key()
SITE_URL = env("OLYMPIA_SITE_URL", default="http://olympia.test")
SITE_HOST = urlsplit(SITE_URL).hostname or "olympia.test"
# The stack publishes its port on loopback only; whoever gets here may call it by any of these names.
ALLOWED_HOSTS = [SITE_HOST, "localhost", "127.0.0.1", "[::1]", "web"]
CSRF_TRUSTED_ORIGINS = [SITE_URL]
# The site speaks plain HTTP, where browsers ignore this header and complain of it.
SECURE_CROSS_ORIGIN_OPENER_POLICY = None

INSTALLED_APPS = ["olympia.addons", "django.contrib.staticfiles"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "olympia.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]

DATABASES = {"default": env.db("DATABASES_DEFAULT_URL", default="mysql://root:@mysqld/olympia")}
DATABASES["default"]["OPTIONS"] = {"charset": "utf8mb4", "connect_timeout": 10}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
        "LOCATION": env("MEMCACHE_LOCATION", default="memcached:11211"),
        # A cache that is away must not take the site with it for long.
        "OPTIONS": {"connect_timeout": 1, "timeout": 1, "ignore_exc": True},
    }
}

EMAIL_HOST = env("EMAIL_HOST", default="localhost")
EMAIL_PORT = env.int("EMAIL_PORT", default=25)

CELERY_BROKER_URL = env("CELERY_BROKER_URL", default="amqp://")
CELERY_RESULT_BACKEND = env("CELERY_RESULT_BACKEND", default="redis://")
CELERY_TASK_ACKS_LATE = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True

ELASTICSEARCH_LOCATION = env("ELASTICSEARCH_LOCATION", default="elasticsearch:9200")
ELASTICSEARCH_INDEX = "addons"

STORAGE_ROOT = ROOT / "storage"
INCOMING_ROOT = STORAGE_ROOT / "incoming"
MEDIA_ROOT = STORAGE_ROOT / "shared_storage" / "uploads"
MEDIA_URL = "/user-media/"
MAX_UPLOAD_BYTES = 20 * 1024 * 1024

STATIC_URL = "/static/"
STATIC_ROOT = ROOT / "site-static"
# What the build minified is found first.
STATICFILES_DIRS = [path for path in (ROOT / "static-build", ROOT / "static") if path.exists()]
# A mounted source tree has nothing collected: then the files are served from where they are.
COLLECTED = not DEBUG and (env.bool("COLLECTING_STATIC", default=False) or (STATIC_ROOT / "staticfiles.json").exists())
WHITENOISE_USE_FINDERS = not COLLECTED
if COLLECTED:
    STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }

USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("fr", "Français")]
LOCALE_PATHS = [ROOT / "locale"]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}
