"""What the rules are told: the floors of the house, who may touch what, and exceptions with their reasons."""

FLOORS: dict[str, tuple[str, ...]] = {
    # modules under this prefix may import, beside each other, only what is under these prefixes
    "actors.core": (),
    "actors.layout_files": ("actors.core",),
    "actors.under_way": (),
    "actors.link": ("actors.core", "actors.under_way"),
    "actors.database": ("actors.apart",),
    "actors.journal": ("actors.apart", "actors.core", "actors.database"),
    "actors.archive": ("actors.core", "actors.database", "actors.journal"),
    "actors.projections": (
        "actors.apart",
        "actors.catalogue.fleet",
        "actors.core",
        "actors.journal",
        "actors.database",
        "actors.logs",
        "actors.shared_reads",
        "actors.watchdog",
    ),
    "actors.engine": ("actors.core", "actors.link", "actors.journal"),
    "actors.catalogue": ("actors.core", "actors.database", "actors.engine.catalogue_port"),
    "actors.shard": (
        "actors.logs",
        "actors.core",
        "actors.link",
        "actors.journal",
        "actors.projections",
        "actors.auditor",
        "actors.engine",
        "actors.catalogue",
        "actors.dispatch",
        "actors.routes",
        "actors.stop_signal",
    ),
    "actors.directory": (
        "actors.logs",
        "actors.link",
        "actors.journal",
        "actors.engine.catalogue_port",
        "actors.catalogue",
        "actors.projections",
        "actors.shard",
        "actors.resizing",
        "actors.watch",
        "actors.watchdog",
    ),
    "actors.resizing": ("actors.core", "actors.engine.catalogue_port", "actors.catalogue"),
    "actors.watch": ("actors.journal", "actors.link", "actors.engine.catalogue_port", "actors.catalogue"),
    "actors.watchdog": ("actors.database",),
    "actors.build": (),
    "actors.logs": (),
    "actors.apart": (),
    "actors.shared_reads": ("actors.apart",),
    "actors.stop_signal": (),
    "actors.parking": ("actors.core", "actors.under_way"),
    "actors.dispatch": ("actors.core", "actors.link", "actors.parking", "actors.under_way"),
    "actors.questions": ("actors.apart", "actors.engine.catalogue_port"),
    "actors.routes": (
        "actors.core",
        "actors.link",
        "actors.engine.catalogue_port",
        "actors.engine.clock",
        "actors.catalogue",
        "actors.dispatch",
        "actors.questions",
    ),
    "actors.baskets": ("actors.core", "actors.link", "actors.dispatch"),
    "actors.reservations": ("actors.core", "actors.link", "actors.dispatch", "actors.baskets", "actors.shared_reads"),
    "serve": ("actors", "holdfast", "loadtests"),
    "k8s": (),
    "actors.audit": ("actors.core.entries",),
    "actors.auditor": (
        "actors.apart",
        "actors.logs",
        "actors.core.ids",
        "actors.database",
        "actors.audit",
        "actors.engine.catalogue_port",
        "actors.catalogue.quarantines",
    ),
    "loadtests": ("actors.audit", "actors.core.entries", "holdfast"),
    "holdfast": (),
}
"""The longest prefix that fits a module counts; what nobody needs is not listed. `tests` stand outside the house and
may look into every window."""

HOUSE = ("actors", "serve", "k8s", "loadtests", "holdfast")

RAY_MODULES = (
    "actors.shard",
    "actors.directory",
    "actors.watchdog",
    "actors.projections.service",
    "actors.auditor.service",
    "serve.app",
    "serve.gateway",
    "serve.local",
)
PROTOBUF_MODULES = ("serve.grpc_api", "serve.grpc_client", "loadtests")

CORE_MAY_IMPORT = {
    "__future__",
    "abc",
    "array",
    "bisect",
    "collections",
    "contextlib",
    "dataclasses",
    "datetime",
    "enum",
    "functools",
    "hashlib",
    "heapq",
    "itertools",
    "math",
    "msgspec",
    "operator",
    "re",
    "string",
    "struct",
    "types",
    "typing",
    "unicodedata",
}
"""Nothing here reads a clock, an environment, a file or a socket, draws a random number or writes a log."""

IMPURE_CALLS = {"open", "input", "print", "hash", "id", "eval", "exec", "__import__", "breakpoint"}
"""Builtins that reach outside or differ between processes (`hash` of text and `id` do)."""

CLOCK_CALLS = {"now", "today", "utcnow", "fromtimestamp"}
"""What reads the machine's clock or zone, under whatever name it hangs."""

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60

LONG_MODULES: dict[str, str] = {
    "actors/core/entries.py": "all that a journal may say, in one list: no tag is given twice, and none again",
}
"""Path of a longer module: why it is better in one piece."""

LONG_FUNCTIONS: dict[str, str] = {}
"""`path::name` of a longer function: why it is better in one piece."""

BANNED_MODULE_NAMES = {"utils", "util", "common", "helpers", "helper", "base", "manager", "managers", "misc"}

BANNED_WORDS: dict[str, str] = {
    "account": "tenant",
    "consumer": "tenant, or who it is: projector, gateway, buyer",
    "map": "layout, or what leads to what: block_of_name",
    "chart": "layout",
    "item": "unit, or what it is: seat, place, entry",
    "object": "what it is",
    "partition": "block",
    "coordinator": "desk",
    "worker": "shard",
    "node": "shard, or machine",
    "lock": "hold; for asyncio.Lock say what it guards",
    "lease": "hold",
    "booking": "order",
    "pass": "ticket, or turn",
    "taken": "held or sold",
    "free": "available",
    "message": "command, entry, frame, or note",
    "record": "entry, or row",
    "result": "outcome, reply, or what it is",
    "offset": "position",
    "term": "epoch",
    "proxy": "gateway",
}
"""The word that nobody says in `actors/` and `protos/`: the word of the glossary (design: one meaning each)."""

BANNED_NAMES: dict[str, str] = {"sale": "order", "sales": "orders"}
"""Whole names only: `open_sale` and `SALE_NOT_OPEN` are fine."""
