"""The HTTP application: routes, health, documentation."""

from importlib.metadata import version

import msgspec
from litestar import Litestar, MediaType, Response
from litestar.datastructures import State

from serve.http_api.docs import docs_page
from serve.http_api.health import Readiness, healthz, readyz
from serve.http_api.openapi import openapi_document
from serve.http_api.order_routes import Orders, Tickets, WaitingLists
from serve.http_api.problems import on_exception
from serve.http_api.reading import get
from serve.http_api.routes import Events, Holds, Operators
from serve.operations import Operations

_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}


async def _none() -> tuple[str, ...]:
    return ()


def build_http_app(operations: Operations, readiness: Readiness, remarks: Readiness = _none) -> Litestar:
    """The ASGI application over these operations; `readiness` says what keeps it from selling, `remarks` what does not,
    and is worth to be known.
    """
    app = Litestar(
        [Events, Holds, Orders, Tickets, WaitingLists, Operators, healthz, readyz],
        exception_handlers={Exception: on_exception},
        openapi_config=None,
        logging_config=None,
        state=State({"operations": operations, "readiness": readiness, "remarks": remarks}),
    )
    document = openapi_document(app.routes, version("holdfast"))
    encoded, page = msgspec.json.encode(document), docs_page(document)

    @get("/openapi.json", sync_to_thread=False)
    def openapi_json() -> Response[bytes]:
        return Response(encoded, media_type="application/json")

    @get("/docs", sync_to_thread=False)
    def docs() -> Response[str]:
        return Response(page, media_type=MediaType.HTML, headers=_PAGE_HEADERS)

    app.register(openapi_json)
    app.register(docs)
    return app
