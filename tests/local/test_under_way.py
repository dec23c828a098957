"""What may wait in a gateway is less than what HAProxy lets through to it: no bound is there that is never met."""

import pytest

from actors import dispatch, parking
from actors.link.coalescer import CoalescerBounds
from actors.under_way import MOST_UNDER_WAY
from serve import gateway


def check() -> None:
    """From HAProxy inwards."""
    assert parking.MAX_PARKED <= MOST_UNDER_WAY * 3 // 4, "what is not answered leaves room for what is"
    assert parking.MAX_PARKED_PER_TENANT <= MOST_UNDER_WAY // 2, "a tenant leaves half"
    assert parking.MAX_PARKED_PER_TENANT < parking.MAX_PARKED_PER_SHARD < parking.MAX_PARKED, (
        "a tenant leaves room at its shard, and a shard leaves room for others"
    )
    assert parking.MAX_PARKED_BYTES_PER_TENANT < parking.MAX_PARKED_BYTES_PER_SHARD < parking.MAX_PARKED_BYTES
    bounds = CoalescerBounds()
    sent = bounds.max_batches_in_flight * bounds.max_batch_calls
    assert sent <= parking.MAX_PARKED_PER_TENANT, "what a silent shard was sent has room"
    assert parking.MAX_PARKED_PER_TENANT <= parking.MAX_ASKING, "no line is left behind one tenant's block that answers"
    assert dispatch.MAX_ERRANDS_PER_TENANT == MOST_UNDER_WAY, "what is answered is refused to nobody"
    assert dispatch.MAX_ERRANDS == 2 * MOST_UNDER_WAY, "as much as two replicas had"
    assert bounds.max_tenant_waiting_calls == dispatch.MAX_ERRANDS_PER_TENANT
    assert bounds.max_waiting_calls == dispatch.MAX_ERRANDS
    assert gateway.MAX_REQUESTS_AT_ONCE > dispatch.MAX_ERRANDS, "Serve refuses without a hint, so it does so last"


def test_the_bounds_behind_haproxy_follow_from_its_own() -> None:
    check()


@pytest.mark.parametrize(
    ("bound", "value"),
    [
        ("actors.parking.MAX_PARKED", MOST_UNDER_WAY),
        ("actors.parking.MAX_PARKED_PER_TENANT", 4_096),
        ("actors.parking.MAX_PARKED_PER_SHARD", 4_096),
        ("actors.parking.MAX_PARKED_BYTES_PER_SHARD", 32 << 20),
        ("actors.parking.MAX_ASKING", 256),
        ("actors.dispatch.MAX_ERRANDS", 16_384),
        ("actors.dispatch.MAX_ERRANDS_PER_TENANT", 8_192),
        ("serve.gateway.MAX_REQUESTS_AT_ONCE", MOST_UNDER_WAY),
        ("tests.local.test_under_way.MOST_UNDER_WAY", 512),
    ],
)
def test_that_one_drifts_away_would_be_noticed(monkeypatch: pytest.MonkeyPatch, bound: str, value: int) -> None:
    monkeypatch.setattr(bound, value)
    with pytest.raises(AssertionError):
        check()
