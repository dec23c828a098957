"""What HAProxy refuses by itself while the replicas have enough under way: at once, and in a replica's own words.

So is what gRPC refuses by itself in a replica, as it is too large to be read at all.

A replica takes as long to refuse a request as to serve it, so a crowd that it refused would keep it from everything
else. Health checks pass; that a stack is overloaded does not make it unhealthy.
"""

from __future__ import annotations

MOST_CONNECTIONS = 6_144
"""Of all clients, resting ones too; more wait until one is closed. HAProxy wants 2.5 file descriptors for each."""

_PROBLEM = (
    '{"type":"/docs#OVERLOADED","title":"The server is overloaded","status":429,"detail":"The server is overloaded.",'
    '"instance":"%[path,json(utf8s)]","code":"OVERLOADED","transient":true}'
)
_STATUS = (
    "CAgSGVRoZSBzZXJ2ZXIgaXMgb3ZlcmxvYWRlZC4aQgoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLkVycm9ySW5mbxIW"
    "CgpPVkVSTE9BREVEEghob2xkZmFzdBowCih0eXBlLmdvb2dsZWFwaXMuY29tL2dvb2dsZS5ycGMuUmV0cnlJbmZvEgQKAggB"
)
"""A `google.rpc.Status` in base64: the same, and to ask again in a second."""

_TOO_LARGE = "The request is too large: body: at most 4194304 bytes are allowed."
_TOO_LARGE_STATUS = (
    "CAMSQlRoZSByZXF1ZXN0IGlzIHRvbyBsYXJnZTogYm9keTogYXQgbW9zdCA0MTk0MzA0IGJ5dGVzIGFyZSBhbGxvd2VkLhpBCih0"
    "eXBlLmdvb2dsZWFwaXMuY29tL2dvb2dsZS5ycGMuRXJyb3JJbmZvEhUKCVRPT19MQVJHRRIIaG9sZGZhc3QaWAopdHlwZS5nb29n"
    "bGVhcGlzLmNvbS9nb29nbGUucnBjLkJhZFJlcXVlc3QSKwopCgRib2R5EiFhdCBtb3N0IDQxOTQzMDQgYnl0ZXMgYXJlIGFsbG93"
    "ZWQ="
)
"""Likewise."""


def refusing_above(most: int, replicas: int) -> list[str]:
    """What sed is to do with a generated configuration, so that requests above so many under way are refused.

    So many for each replica that is up, of those that share all calls: who is left when another dies is not asked for
    both. One that stands by adds nothing. Where none is up it is no overload.
    """
    over_http = f"status 429 content-type application/problem+json hdr Retry-After 1 lf-string '{_PROBLEM}'"
    over_grpc = (
        'status 200 content-type application/grpc hdr grpc-status 8 hdr grpc-message "The server is overloaded." '
        f"hdr grpc-status-details-bin {_STATUS}"
    )
    under_way, others = r"be_conn(http-\2),add(txn.over_grpc)", "!{ path /healthz /readyz }"
    return [
        rf"s|^( *)use_backend {protocol}-([^ ]+) if .*|\1http-request set-var(txn.over_grpc) be_conn(grpc-\2)\n"
        rf"\1http-request set-var(txn.room) nbsrv(http-\2),mul({most})\n"
        rf"\1http-request return {refusal} if {others} {{ {under_way} ge {replicas * most} }} "
        rf"or {others} {{ nbsrv(http-\2) gt 0 }} {{ {under_way},sub(txn.room) ge 0 }}\n&|"
        for protocol, refusal in (("http", over_http), ("grpc", over_grpc))
    ]


def naming_too_large() -> list[str]:
    """What sed is to do, so that a message that gRPC did not read is refused as one that was read and is too large.

    gRPC's own status would be taken for a passing fault, and name nothing.
    """
    is_so = '{ res.hdr(grpc-status) 8 } { res.hdr(grpc-message) -m beg "SERVER: Received message larger than max" }'
    renamed = {  # the message last, as the condition looks at it
        "grpc-status-details-bin": _TOO_LARGE_STATUS,
        "grpc-status": "3",
        "grpc-message": f'"{_TOO_LARGE}"',
    }
    set_var = rf"\n    http-response set-var(txn.too_large) bool(true) if {is_so}"
    rules = "".join(
        rf"\n    http-response set-header {name} {value} if {{ var(txn.too_large) -m bool }}"
        for name, value in renamed.items()
    )
    return [f"s|^frontend grpc_frontend.*|&{set_var}{rules}|"]
