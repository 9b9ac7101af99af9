"""Makes the database, its first content and the search index. Safe to repeat: what is there is kept."""

import time

import MySQLdb
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from olympia.addons import search
from olympia.addons.models import Addon, Upload

DATABASE_SECONDS = 60
LOCK = "olympia-initialize"
EXAMPLES = (
    ("tab-gardener", "Tab Gardener", "Keeps rows of tabs in order and puts the forgotten ones to sleep."),
    ("night-reader", "Night Reader", "Dims pages in the evening and gives back the colours in the morning."),
    ("link-lantern", "Link Lantern", "Shows where a link leads before you follow it."),
    ("quiet-forms", "Quiet Forms", "Stops pages from asking the same question twice."),
)


class Command(BaseCommand):
    """The `initialize` command."""

    help = __doc__

    def handle(self, *args: object, **options: object) -> None:
        """Do it, one run at a time."""
        self.create_database()
        with connection.cursor() as cursor:
            cursor.execute("SELECT GET_LOCK(%s, 300)", [LOCK])
            if cursor.fetchone()[0] != 1:
                raise CommandError("Another initialization has been running for five minutes.")
            try:
                call_command("migrate", interactive=False, verbosity=1)
                self.seed()
                self.stdout.write(f"{search.reindex()} add-ons indexed")
            finally:
                cursor.execute("SELECT RELEASE_LOCK(%s)", [LOCK])

    def create_database(self) -> None:
        """Create the database where it is missing, once the server answers."""
        database = settings.DATABASES["default"]
        deadline = time.monotonic() + DATABASE_SECONDS
        while True:
            try:
                server = MySQLdb.connect(
                    host=database["HOST"],
                    port=int(database["PORT"] or 3306),
                    user=database["USER"],
                    password=database["PASSWORD"],
                )
                break
            except MySQLdb.OperationalError as error:
                if time.monotonic() > deadline:
                    raise CommandError(f"The database does not answer: {error}") from error
                time.sleep(0.5)
        with server, server.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{database['NAME']}` CHARACTER SET utf8mb4")

    def seed(self) -> None:
        """List a few examples on a site that nobody has used yet."""
        if Addon.objects.exists() or Upload.objects.exists():
            return
        for slug, name, summary in EXAMPLES:
            Addon.objects.create(guid=f"{slug}@olympia.test", slug=slug, name=name, summary=summary, version="1.0")
        self.stdout.write(f"{len(EXAMPLES)} example add-ons listed")
