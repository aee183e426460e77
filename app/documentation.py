"""`/docs`: the usual page about an API, from files that came with a package; nothing is loaded from elsewhere."""

from pathlib import Path

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

_STATIC = "/docs/static"


def install(app: FastAPI) -> None:
    """Serve the page and its files."""

    async def page() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="Tacit",
            swagger_js_url=f"{_STATIC}/swagger-ui-bundle.js",
            swagger_css_url=f"{_STATIC}/swagger-ui.css",
            swagger_favicon_url=f"{_STATIC}/favicon.png",
        )

    app.add_api_route("/docs", page, include_in_schema=False)
    app.mount(_STATIC, StaticFiles(directory=Path(fastapi_offline.__file__).parent / "static"))
