"""A folder served as an upstream.

Guaranteed: files as they are on disk at the moment of the request, with a strong ETag made of time
and size. Not guaranteed: directory listings, other than an index.html that is there.
"""

import stat
from pathlib import Path

from tests.support.upstream.http_messages import FileBody, Request, Resource, Response, respond


class DirectoryUpstream:
    """A folder served as an upstream; answers requests for `HttpServer`."""

    def __init__(self, directory: Path) -> None:
        # Not resolved: the folder may be a link that is swapped while we serve.
        self._root = str(directory.absolute())

    def __call__(self, request: Request) -> Response:
        return respond(request, self._find(request.path))

    def _find(self, path: str) -> Resource | None:
        if "/../" in path or path.endswith("/.."):
            return None
        file = Path(self._root + path + ("index.html" if path.endswith("/") else ""))
        try:
            found = file.stat()
        except OSError:
            return None
        if not stat.S_ISREG(found.st_mode):
            return None
        etag = f'"{found.st_mtime_ns:x}-{found.st_size:x}"'
        return Resource(FileBody(file, 0, found.st_size), found.st_size, etag, int(found.st_mtime))
