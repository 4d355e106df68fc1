"""HDFS over WebHDFS, its REST interface: fsspec's file system with timeouts and the kit's errors.

https://hadoop.apache.org/docs/stable/hadoop-project-dist/hadoop-hdfs/WebHDFS.html
"""

import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import requests
from fsspec.implementations.webhdfs import WebHDFS

from eventlab.errors import EventlabError, ServiceUnavailable
from eventlab.settings import HDFS_USER, Settings

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 3.0
READ_TIMEOUT_S = 10.0


class HdfsError(EventlabError):
    """HDFS refused a request; the message is HDFS's own."""


class HdfsClient(WebHDFS):
    """fsspec's WebHDFS file system, with HDFS's own paths (`/tmp/purchases`).

    All methods of `fsspec.spec.AbstractFileSystem` can be used: `exists`, `ls`, `cat_file`, `pipe_file`, `walk`.
    A missing path raises FileNotFoundError, another refused request HdfsError, and a server that does not answer
    ServiceUnavailable.
    """

    cachable = False  # a client belongs to the thread that created it

    def __init__(self, url: str, user: str = HDFS_USER) -> None:
        """Create a client for a NameNode's web address, `http://host:port`, without sending a request."""
        address = urlsplit(url)
        super().__init__(
            host=address.hostname,
            port=address.port or (443 if address.scheme == "https" else 80),
            user=user,
            use_https=address.scheme == "https",
            use_listings_cache=False,
        )

    def _connect(self) -> None:
        self.session = _Session()

    def _call(self, op: str, method: str = "get", path: str | None = None, **options: Any) -> requests.Response:
        try:
            return super()._call(op, method, path, **options)
        except (ServiceUnavailable, FileNotFoundError):
            raise
        except (RuntimeError, ValueError, OSError) as error:
            raise HdfsError(f"HDFS refused {op.upper()} of {path}: {error}") from error

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        """Return the path as it is: HDFS allows characters that a URL does not, such as `?` and `#`."""
        return path

    def exists(self, path: str, **_: Any) -> bool:
        """Return whether a file or folder exists; fsspec's own method returns False for every error."""
        try:
            self.info(path)
        except FileNotFoundError:
            return False
        return True

    def mkdir(self, path: str, permission: str | None = None, **_: Any) -> None:
        """Create a folder and its parents, with an octal permission such as `1777`, unless it exists."""
        self._call("MKDIRS", "put", path, **({"permission": permission} if permission else {}))

    def rename(self, source: str, target: str) -> None:
        """Rename a file or folder; raise HdfsError if HDFS refuses, for example because the target exists."""
        if not self._call("RENAME", "put", source, destination=target).json()["boolean"]:
            raise HdfsError(f"HDFS did not rename {source} to {target}")

    def head(self, path: str, size: int) -> bytes:
        """Return the first `size` bytes of a file."""
        response = self._call("OPEN", path=path, length=size, redirect=True)
        return bytes(response.content[:size])

    def write(self, path: str, content: bytes) -> None:
        """Create or replace a file and create the folders above it, in one request to each node."""
        redirect = self._call("CREATE", "put", path, redirect=False, overwrite="true")
        self.session.put(redirect.headers["Location"], data=content).raise_for_status()

    def files(self, folder: str, max_depth: int) -> Iterator[tuple[str, int]]:
        """Yield each file's path below the folder and its size in bytes, down to `max_depth` levels."""
        for entry in self.ls(folder, detail=True):
            name = entry["pathSuffix"]
            if entry["type"] == "file":
                yield name, entry["size"]
            elif max_depth > 1:
                below = f"{folder.rstrip('/')}/{name}"
                yield from ((f"{name}/{path}", size) for path, size in self.files(below, max_depth - 1))


class _Session(requests.Session):
    """A session whose requests time out, ignore proxies, and raise ServiceUnavailable if no answer arrives."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False

    def request(self, method: Any, url: Any, *arguments: Any, **options: Any) -> requests.Response:
        options.setdefault("timeout", (CONNECT_TIMEOUT_S, READ_TIMEOUT_S))
        try:
            response = super().request(method, url, *arguments, **options)
        except requests.RequestException as error:
            address = "{0.scheme}://{0.netloc}".format(urlsplit(str(url)))
            message = f"HDFS does not answer at {address} ({type(error).__name__})"
            raise ServiceUnavailable(message, next_command="eventlab up namenode datanode") from error
        logger.debug("%s %s: status %d", method, url, response.status_code)
        return response


def open_hdfs(settings: Settings) -> HdfsClient:
    """Return a client of the HDFS that the settings name."""
    return HdfsClient(settings.webhdfs_url)
