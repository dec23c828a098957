"""The handshake: without the secret neither end is believed, and nothing that was seen can be used again."""

import hmac

import pytest

from actors.link.frames import Frame, FrameDecoder, Kind
from actors.link.handshake import ClientHandshake, Handshake, HandshakeFailed, Identity, ServerHandshake

SECRET = b"a secret of the cluster"
OTHER = b"a secret of another one"
CLIENT = b"the first client"
IDENTITY = Identity("shard-1", 7)


def frame_of(data: bytes) -> Frame:
    decoder = FrameDecoder()
    decoder.feed(data)
    frame = decoder.next_frame()
    assert frame is not None
    assert decoder.buffered_bytes == 0
    return frame


def shake(client: Handshake, server: Handshake) -> list[Frame]:
    """Let both ends talk until one has nothing to say; all that was said."""
    said = [frame_of(client.opening())]
    ends = (server, client)
    while reply := ends[(len(said) - 1) % 2].received(said[-1]):
        said.append(frame_of(reply))
    return said


def strangers_are_refused() -> None:
    """The guarantee, as a check that its negative control runs as well."""
    for client_secret, server_secret in ((OTHER, SECRET), (SECRET, OTHER)):
        client, server = ClientHandshake(client_secret, CLIENT), ServerHandshake(server_secret, IDENTITY)
        with pytest.raises(HandshakeFailed):
            shake(client, server)
        assert not client.done
        assert not server.done


def test_both_ends_believe_each_other_and_the_client_learns_who_serves() -> None:
    client, server = ClientHandshake(SECRET, CLIENT), ServerHandshake(SECRET, IDENTITY)
    said = shake(client, server)
    assert [frame.kind for frame in said] == [Kind.HELLO, Kind.CHALLENGE, Kind.PROOF, Kind.WELCOME]
    assert client.done
    assert server.done
    assert client.identity == IDENTITY
    assert server.client == CLIENT


def test_strangers_are_refused() -> None:
    strangers_are_refused()


def test_control_strangers_get_in_if_proofs_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hmac, "compare_digest", lambda _one, _other: True)
    with pytest.raises(pytest.fail.Exception):
        strangers_are_refused()


def test_a_stranger_that_serves_is_refused_although_it_accepts_everybody() -> None:
    client = ClientHandshake(SECRET, CLIENT)
    client.received(Frame(Kind.CHALLENGE, 0, b"\1" + bytes(32)))
    with pytest.raises(HandshakeFailed, match="server does not know"):
        client.received(Frame(Kind.WELCOME, 0, bytes(32) + b"\x92\xa1x\1"))


def test_an_overheard_client_cannot_be_replayed() -> None:
    hello, _, proof, _ = shake(ClientHandshake(SECRET, CLIENT), ServerHandshake(SECRET, IDENTITY))
    server = ServerHandshake(SECRET, IDENTITY)
    server.received(hello)
    with pytest.raises(HandshakeFailed):
        server.received(proof)


def test_a_clients_own_proof_cannot_be_reflected() -> None:
    client = ClientHandshake(SECRET, CLIENT)
    proof = frame_of(client.received(Frame(Kind.CHALLENGE, 0, b"\1" + bytes(32))))
    with pytest.raises(HandshakeFailed):
        client.received(Frame(Kind.WELCOME, 0, proof.payload))


def test_an_altered_identity_is_refused() -> None:
    client, server = ClientHandshake(SECRET, CLIENT), ServerHandshake(SECRET, IDENTITY)
    challenge = frame_of(server.received(frame_of(client.opening())))
    welcome = frame_of(server.received(frame_of(client.received(challenge))))
    altered = welcome.payload.replace(b"shard-1", b"shard-2")
    assert altered != welcome.payload
    with pytest.raises(HandshakeFailed):
        client.received(welcome._replace(payload=altered))


@pytest.mark.parametrize(
    "frame",
    [
        Frame(Kind.HELLO, 0, b""),
        Frame(Kind.HELLO, 0, b"\2" + bytes(32)),
        Frame(Kind.HELLO, 0, b"\1" + bytes(31)),
        Frame(Kind.PROOF, 0, bytes(32)),
        Frame(Kind.REQUEST, 1, b"buy"),
        Frame(Kind.PING, 1, b""),
    ],
)
def test_a_server_refuses_what_is_out_of_turn_or_of_another_version(frame: Frame) -> None:
    server = ServerHandshake(SECRET, IDENTITY)
    with pytest.raises(HandshakeFailed):
        server.received(frame)
    assert not server.done


def test_a_second_hello_does_not_change_the_nonces() -> None:
    server = ServerHandshake(SECRET, IDENTITY)
    server.received(Frame(Kind.HELLO, 0, b"\1" + bytes(32)))
    with pytest.raises(HandshakeFailed):
        server.received(Frame(Kind.HELLO, 0, b"\1" + bytes(32)))


def test_a_short_secret_and_a_long_identity_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        ClientHandshake(b"short", CLIENT)
    with pytest.raises(ValueError, match="16 bytes"):
        ServerHandshake(b"", IDENTITY)
    with pytest.raises(ValueError, match="bound is 512"):
        ServerHandshake(SECRET, Identity("x" * 513, 1))
