"""Copies of formatted data folders: Kafka's and the NameNode's formatter each take a second of a processor.

`eventlab setup` keeps what the formatters wrote, next to the start-up archives and under the same conditions. Each
copy gets ids of its own, as each run of a formatter does.
"""

import re
import secrets
import shutil
import uuid
import zlib
from pathlib import Path

from eventlab import ROOT
from eventlab.stack import archives, jars, java


def path(environment: str) -> Path:
    """Return the zip with the formatted folder of `kafka` or `hdfs` for this Java and configuration."""
    files = sorted(path for path in (ROOT / "stack" / environment).iterdir() if path.is_file())
    configuration = zlib.crc32(b"".join(file.read_bytes() for file in files))
    archive = archives.path(java.find(), f"formatted-{environment}", jars.class_path(environment))
    return archive.with_name(f"{archive.stem}-{configuration:08x}.zip")


def save(folder: Path, template: Path) -> None:
    """Keep a folder that was just formatted. Until the zip is complete, it has another name."""
    Path(shutil.make_archive(str(template.with_suffix(".part")), "zip", folder)).replace(template)


def copy(template: Path, folder: Path) -> None:
    """Create a formatted folder with new ids."""
    shutil.unpack_archive(template, folder)
    for inside in folder.glob("*/"):
        inside.chmod(0o700)  # as the NameNode's formatter does
    for name in ("meta.properties", "current/VERSION"):
        if (file := folder / name).exists():
            file.write_text(with_new_ids(file.read_text()))


def with_new_ids(text: str) -> str:
    """Replace the ids in Kafka's `meta.properties`, or in the NameNode's `VERSION`."""
    text = re.sub(r"(?<=\.id=)[\w-]{22}", lambda _: kafka_id(), text)
    text = re.sub(r"(?<=clusterID=CID-)[\w-]+", lambda _: str(uuid.uuid4()), text)
    return re.sub(r"(?<=blockpoolID=BP-)\d+", lambda _: str(secrets.randbelow(2**31)), text)


def kafka_id() -> str:
    """Return an id for a cluster or a folder; one that begins with a dash would be an option of the formatter."""
    return "K" + secrets.token_urlsafe(16)[1:]
