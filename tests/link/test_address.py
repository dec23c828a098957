"""Addresses: one text form, parsed and refused alike everywhere."""

import pytest

from actors.link.address import TcpAddress, UnixAddress, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("unix:/run/holdfast/shard-1", UnixAddress("/run/holdfast/shard-1")),
        ("unix:/a:b", UnixAddress("/a:b")),
        ("tcp:127.0.0.1:7000", TcpAddress("127.0.0.1", 7000)),
        ("tcp:shard-1.holdfast.svc:0", TcpAddress("shard-1.holdfast.svc", 0)),
        ("tcp:[::1]:65535", TcpAddress("::1", 65535)),
    ],
)
def test_what_is_parsed_is_formatted_alike(text: str, address: UnixAddress | TcpAddress) -> None:
    assert parse_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "unix:/path or tcp:host:port"),
        ("http://localhost", "unix:/path or tcp:host:port"),
        ("unix:", "absolute"),
        ("unix:shard", "absolute"),
        ("unix:/" + "x" * 107, "107 bytes"),
        ("tcp:7000", "names its host"),
        ("tcp::7000", "names its host"),
        ("tcp:::1:7000", "brackets"),
        ("tcp:localhost:", "up to 65535"),
        ("tcp:localhost:65536", "up to 65535"),
        ("tcp:localhost:-1", "up to 65535"),
        ("tcp:localhost:²", "up to 65535"),
        ("tcp:" + "x" * 64 + ":1", "no name of a host"),
    ],
)
def test_what_is_no_address_is_refused_with_what_is_wrong(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_address(text)
