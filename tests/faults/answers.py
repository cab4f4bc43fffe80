"""What the proxy gives back: the API server's answer, one of its own, or a reset."""

from __future__ import annotations

import json
from contextlib import suppress

import aiohttp
from aiohttp import web
from faults.fault import Answer
from multidict import CIMultiDict, CIMultiDictProxy

# Of one connection and not of the message, or made anew by whoever sends it on (RFC 9110, 7.6.1).
_OWN_HEADERS = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "host", "authorization"}
)
_REASONS = {429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable"}


def of_the_message(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """The headers to send on."""
    return CIMultiDict((key, value) for key, value in headers.items() if key.lower() not in _OWN_HEADERS)


async def passed_on(incoming: web.BaseRequest, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    """The answer chunk by chunk as it comes, so that a watch's events are not held back."""
    response = web.StreamResponse(status=answer.status, reason=answer.reason)
    response.headers.extend(of_the_message(answer.headers))
    with suppress(OSError):
        await response.prepare(incoming)
        async for chunk in answer.content.iter_any():
            await response.write(chunk)
        await response.write_eof()
    return response


def answered(action: Answer) -> web.Response:
    headers = {}
    if action.retry_after_seconds is not None:
        headers["Retry-After"] = str(action.retry_after_seconds)
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": "a fault of the test",
        "reason": _REASONS[action.status],
        "code": action.status,
    }
    return web.Response(
        status=action.status, headers=headers, text=json.dumps(status), content_type="application/json"
    )


def gone(incoming: web.BaseRequest) -> web.Response:
    """Ends the connection with a reset; what is returned goes nowhere."""
    if incoming.transport:
        incoming.transport.abort()
    return web.Response(status=502)
