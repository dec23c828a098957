"""`get`: routes that are read. They answer HEAD as GET, and the HTTP server leaves out the body (RFC 9110, 9.3.2)."""

from functools import partial

from litestar import HttpMethod, route

get = partial(route, http_method=(HttpMethod.GET, HttpMethod.HEAD))
"""Instead of Litestar's own `get`, whose routes refuse HEAD."""
