"""What an upload has to be: a zip archive with a manifest that names an add-on."""

import errno
import json
import lzma
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

# What an archive's own content makes go wrong; any other error is this machine's. Damaged bzip2 data has no number.
ARCHIVE_ERRORS = {None, errno.EEXIST, errno.EINVAL, errno.EISDIR, errno.ENAMETOOLONG, errno.ENOTDIR}
MAX_MEMBERS = 5000
MAX_UNPACKED_BYTES = 200 * 1024 * 1024
LIMITS = {"name": 255, "version": 64, "id": 255}


class InvalidAddon(Exception):
    """The file is no add-on. The message is for the person who sent it."""


@dataclass(frozen=True)
class Manifest:
    """What the site takes from a manifest."""

    guid: str
    name: str
    version: str
    summary: str


def unpack(path: Path, target: Path) -> Manifest:
    """Unpack an add-on and return its manifest.

    Args:
        path: The file.
        target: An empty directory.

    Raises:
        InvalidAddon: It is not an add-on.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(archive.infolist())
            archive.extractall(target)
    except (
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
    ) as error:
        raise InvalidAddon("The file is not a readable zip archive.") from error
    except OSError as error:
        if error.errno not in ARCHIVE_ERRORS:
            raise
        raise InvalidAddon(
            "The archive has files that cannot be unpacked beside each other, or too long names."
        ) from error
    return read_manifest(target / "manifest.json")


def _check_members(members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MAX_MEMBERS:
        raise InvalidAddon(f"The archive has more than {MAX_MEMBERS} files.")
    if sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
        raise InvalidAddon(f"The archive unpacks to more than {MAX_UNPACKED_BYTES // 2**20} MiB.")
    for member in members:
        name = PurePosixPath(member.filename.replace("\\", "/"))
        if name.is_absolute() or ".." in name.parts:
            raise InvalidAddon(f"The archive has a file outside of itself: {member.filename}")


def read_manifest(path: Path) -> Manifest:
    """Return the manifest in a file.

    Args:
        path: The file.

    Raises:
        InvalidAddon: It is missing, is no JSON object, or lacks what the site needs.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        # JSON can spell half a character, which neither the database nor the index takes.
        json.dumps(content, ensure_ascii=False).encode()
    except FileNotFoundError as error:
        raise InvalidAddon("The archive has no manifest.json at its top.") from error
    except (ValueError, RecursionError, IsADirectoryError) as error:
        raise InvalidAddon("manifest.json is not valid JSON.") from error
    if not isinstance(content, dict):
        raise InvalidAddon("manifest.json is not a JSON object.")
    settings = content.get("browser_specific_settings") or content.get("applications") or {}
    gecko = settings.get("gecko", {}) if isinstance(settings, dict) else {}
    values = {"name": content.get("name"), "version": content.get("version")}
    values["id"] = gecko.get("id") if isinstance(gecko, dict) else None
    for key, value in values.items():
        where = "browser_specific_settings.gecko.id" if key == "id" else key
        if not isinstance(value, str) or not value.strip():
            raise InvalidAddon(f"manifest.json has no {where}.")
        if len(value) > LIMITS[key]:
            raise InvalidAddon(f"{where} in manifest.json is longer than {LIMITS[key]} characters.")
    summary = content.get("description")
    return Manifest(values["id"], values["name"], values["version"], summary if isinstance(summary, str) else "")
