"""`/`: the web page, from files of this package and a script that another brought; nothing is loaded from elsewhere."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.gzip import GZipMiddleware

_FOLDER = Path(__file__).parent / "web"
_PLOTS = "plotly.min.js"

_HEADERS = {
    # Only what this service serves runs or is shown, and nothing that stands in the document itself.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # Asked for again each time, and answered by 304 unless it has changed: an upgrade shows at once.
    "Cache-Control": "no-cache",
}


class _Files(StaticFiles):
    """The files of the page, and the library that draws its plots."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        if path == _PLOTS:
            library = _plots_library()
            return str(library), library.stat()
        return super().lookup_path(path)

    def file_response(self, *args: Any, **kwargs: Any) -> Any:
        response = super().file_response(*args, **kwargs)
        response.headers.update(_HEADERS)
        return response


def install(app: FastAPI) -> None:
    """Serve the page and its files; they need no key, what they ask of the API does."""

    async def page() -> FileResponse:
        return FileResponse(_FOLDER / "index.html", headers=_HEADERS)

    app.add_api_route("/", page, include_in_schema=False, methods=["GET", "HEAD"])
    app.mount("/web", GZipMiddleware(_Files(directory=_FOLDER), minimum_size=1024, compresslevel=6))


def _plots_library() -> Path:
    """The script in the installed package, which is never imported."""
    package = find_spec("plotly")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "package_data" / _PLOTS
