from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photo_search.public_address import is_public_address

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.215.14",
    "100.63.255.255",
    "100.128.0.0",
    "151.101.1.208",
    "168.63.129.15",
    "172.15.255.255",
    "172.32.0.1",
    "192.0.1.0",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.254",
    "2001:4860:4860::8888",
    "2600:9000::1",
    "2606:4700:4700::1111",
    "2a04:4e42::720",
]
NOT_PUBLIC = {
    "loopback": ["127.0.0.1", "127.0.0.2", "127.255.255.255", "::1"],
    "unspecified": ["0.0.0.0", "0.1.2.3", "::"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12::1"],
    "link-local": ["169.254.0.1", "fe80::1", "fe80::1%eth0", "fec0::1"],
    "metadata": [
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "fd00:ec2::254",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
    ],
    "carrier-grade NAT": ["100.64.0.0", "100.64.0.1", "100.127.255.255"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
    "reserved": ["240.0.0.1", "255.255.255.255", "4000::1", "5f00::1", "e000::1"],
    "benchmark and documentation": [
        "192.0.2.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "2001:db8::1",
        "3fff::1",
        "100::1",
    ],
    "protocol": [
        "192.0.0.1",
        "192.0.0.170",
        "192.88.99.1",
        "2001:10::1",
        "2001:20::1",
        "2001:2::1",
    ],
    "mapped": ["::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8", "::8.8.8.8"],
    "NAT64": ["64:ff9b::169.254.169.254", "64:ff9b::8.8.8.8", "64:ff9b:1::1"],
    "6to4": ["2002:7f00:1::", "2002:808:808::1"],
    "Teredo": ["2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"],
    "scoped": ["2606:4700:4700::1111%eth0"],
}


@pytest.mark.parametrize("address", PUBLIC)
def test_an_ordinary_address_is_public(address):
    assert is_public_address(ip_address(address))


@pytest.mark.parametrize(
    "address", [address for addresses in NOT_PUBLIC.values() for address in addresses]
)
def test_a_special_address_is_not_public(address):
    assert not is_public_address(ip_address(address))


@given(st.ip_addresses(v=4))
def test_no_private_address_is_public_in_any_ipv6_disguise(inner):
    number = int(inner)
    disguises = [
        int(ip_address("64:ff9b::")) + number,
        int(ip_address("::ffff:0:0")) + number,
        int(ip_address("2002::")) + (number << 80),
        int(ip_address("2001::")) + (number ^ 0xFFFFFFFF),
        number,
    ]

    assert not any(
        is_public_address(ip_network((value, 128)).network_address) for value in disguises
    )
