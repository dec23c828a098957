"""Who asks."""

import msgspec

from actors.core.ids import TenantId


class Caller(msgspec.Struct, frozen=True):
    """Who asks. `principal` enters the fingerprint of writes: it survives a rotation of keys."""

    tenant: TenantId
    principal: str
