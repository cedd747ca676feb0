"""A listed key gets a token for its own challenge, once, within a minute."""

import asyncio

import grpc
import jwt
import pytest

from clearing.channel.signatures import LocalSigner
from clearing.clearport.api.auth import Gate, read_secret
from clearing.clearport.api.keys import OperatorKey, Scope, Whitelist
from clearing.clearport.api.text import address_text
from clearing.clearport.api.typed import Domain
from clearing.clearport.errors import ConfigError, UnauthenticatedError
from clearing.operator.v1 import operator_pb2 as pb
from clearing.spec.units import WAD
from tests.harness.fake_desk import CHANNEL, OTHER_CHANNEL
from tests.unit.clearport_api.scene import (
    ALL,
    NOW,
    OPERATOR,
    STRANGER,
    TRADER,
    Clock,
    keys,
    running,
)

DOMAIN = Domain("clearport-test", 31_337)


def gate(clock=None, **options):
    return Gate(DOMAIN, Whitelist(keys()), clock=clock or Clock(), **options)


def signed(signer, operator, challenge, expiry, domain=DOMAIN):
    return signer.sign(domain.login_digest(operator, challenge, expiry)).expanded()


def answered(made, signer=OPERATOR):
    """Answer a fresh challenge of a gate well."""
    challenge, expiry = made.challenge(signer.address)
    return made.answer(signer.address, challenge, signed(signer, signer.address, challenge, expiry))


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})


def test_answer__good_signature__returns_the_key():
    assert answered(gate()).name == "desk"


def test_answer__twice__is_refused():
    made = gate()
    challenge, expiry = made.challenge(OPERATOR.address)
    signature = signed(OPERATOR, OPERATOR.address, challenge, expiry)
    made.answer(OPERATOR.address, challenge, signature)

    with pytest.raises(UnauthenticatedError, match="used up"):
        made.answer(OPERATOR.address, challenge, signature)
    assert answered(made).name == "desk"


@pytest.mark.parametrize("late", [60, 61, 3_600])
def test_answer__after_a_minute__is_refused(late):
    clock = Clock()
    made = gate(clock)
    challenge, expiry = made.challenge(OPERATOR.address)
    signature = signed(OPERATOR, OPERATOR.address, challenge, expiry)
    clock.at = NOW + late

    with pytest.raises(UnauthenticatedError, match="has expired"):
        made.answer(OPERATOR.address, challenge, signature)
    clock.at = NOW + 59
    assert made.answer(OPERATOR.address, challenge, signature).name == "desk"


def test_answer__challenge_of_another_address__is_refused():
    made = gate()
    challenge, expiry = made.challenge(TRADER.address)

    with pytest.raises(UnauthenticatedError, match="not one for this address"):
        made.answer(
            OPERATOR.address, challenge, signed(OPERATOR, OPERATOR.address, challenge, expiry)
        )
    assert made.answer(
        TRADER.address, challenge, signed(TRADER, TRADER.address, challenge, expiry)
    ).name == ("trader")


@pytest.mark.parametrize("spoil", [lambda _: b"", lambda _: bytes(32), lambda c: c[:-1] + b"\0\0"])
def test_answer__made_up_challenge__is_refused(spoil):
    made = gate()
    challenge, expiry = made.challenge(OPERATOR.address)
    mine = spoil(challenge)

    with pytest.raises(UnauthenticatedError, match="not one for this address"):
        made.answer(OPERATOR.address, mine, signed(OPERATOR, OPERATOR.address, mine, expiry))


def test_answer__challenge_with_a_later_expiry__is_refused():
    made = gate()
    challenge, expiry = made.challenge(OPERATOR.address)
    mine = (expiry + 60).to_bytes(8, "big") + challenge[8:]

    with pytest.raises(UnauthenticatedError, match="not one for this address"):
        made.answer(OPERATOR.address, mine, signed(OPERATOR, OPERATOR.address, mine, expiry + 60))


@pytest.mark.parametrize(
    "domain", [Domain("another-daemon", 31_337), Domain("clearport-test", 1), Domain("", 31_337)]
)
def test_answer__signed_for_another_daemon_or_chain__is_refused(domain):
    made = gate()
    challenge, expiry = made.challenge(OPERATOR.address)

    with pytest.raises(UnauthenticatedError, match="not this address's"):
        made.answer(
            OPERATOR.address,
            challenge,
            signed(OPERATOR, OPERATOR.address, challenge, expiry, domain),
        )


def test_answer__signed_by_another__is_refused():
    made = gate()
    challenge, expiry = made.challenge(OPERATOR.address)

    with pytest.raises(UnauthenticatedError, match="not this address's"):
        made.answer(
            OPERATOR.address, challenge, signed(STRANGER, OPERATOR.address, challenge, expiry)
        )


def test_answer__key_that_is_not_listed__is_refused():
    """A stranger gets a challenge like anybody, so that asking does not tell who is listed."""
    made = gate()

    with pytest.raises(UnauthenticatedError, match="not on the list"):
        answered(made, STRANGER)
    made.whitelist.reload([OperatorKey(STRANGER.address, "new", ALL)], NOW)
    assert answered(made, STRANGER).name == "new"


def test_challenge__asked_often__costs_no_memory():
    made = gate()
    challenges = {made.challenge(OPERATOR.address)[0] for _ in range(100)}

    assert len(challenges) == 100
    assert not made._answered


def test_login__token_says_what_a_broker_dealer_needs():
    async def play():
        async with running() as scene:
            return claims_of(await scene.login())

    assert asyncio.run(play()) == {
        "sub": address_text(OPERATOR.address),
        "aud": "clearport-test",
        "scopes": ["read", "trade", "treasury"],
        "channels": None,
        "margin": [
            ["0x" + CHANNEL.hex(), "749.999999999999999999"],
            ["0x" + OTHER_CHANNEL.hex(), "749.999999999999999999"],
        ],
        "iat": NOW,
        "exp": NOW + 900,
    }


def test_login__limited_key__is_told_of_its_channels_up_to_its_limit():
    mine = keys(channels=frozenset({OTHER_CHANNEL}), margin_limit_wad=100 * WAD)

    async def play():
        async with running(operators=mine) as scene:
            return claims_of(await scene.login())

    claims = asyncio.run(play())
    assert claims["channels"] == ["0x" + OTHER_CHANNEL.hex()]
    assert claims["margin"] == [["0x" + OTHER_CHANNEL.hex(), "100"]]


def test_login__by_a_stranger__is_refused():
    async def play():
        async with running() as scene:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await scene.login(STRANGER)
            return caught.value.code(), scene.desk.calls

    assert asyncio.run(play()) == (grpc.StatusCode.UNAUTHENTICATED, [])


def test_get_challenge__no_address__names_the_field():
    async def play():
        async with running() as scene:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await scene.stub.GetChallenge(pb.GetChallengeRequest(address="me"))
            return caught.value.details()

    assert asyncio.run(play()).startswith("address: 'me' is not an address")


def test_session__token_of_another_daemon_with_the_same_secret__is_refused():
    secret = bytes([5]) * 32
    token, _ = Gate(
        Domain("another", 31_337), Whitelist(keys()), secret=secret, clock=Clock()
    ).issue(keys()[0], {})
    mine, _ = gate(secret=secret).issue(keys()[0], {})

    with pytest.raises(UnauthenticatedError):
        gate(secret=secret).session(token)
    assert gate(secret=secret).session(mine).subject == OPERATOR.address


def test_session__secret_of_another_process__is_refused():
    token, _ = gate().issue(keys()[0], {})

    with pytest.raises(UnauthenticatedError, match="not one of this daemon's"):
        gate().session(token)


@pytest.mark.parametrize(
    ("skew", "late", "is_good"),
    [(0, 899, True), (0, 900, False)] * 1
    + [(2, 901, True), (2, 902, False), (30, 929, True), (30, 930, False)],
)
def test_session__expiry__is_within_the_clocks_skew(skew, late, is_good):
    clock = Clock()
    made = gate(clock, skew_s=skew)
    token, _ = made.issue(keys()[0], {})
    clock.at = NOW + late

    if is_good:
        assert made.session(token).key.name == "desk"
    else:
        with pytest.raises(UnauthenticatedError, match="has expired"):
            made.session(token)


def test_session__token_from_the_future__is_refused():
    clock = Clock()
    made = gate(clock)
    token, _ = made.issue(keys()[0], {})
    clock.at = NOW - 3

    with pytest.raises(UnauthenticatedError, match="from the future"):
        made.session(token)
    clock.at = NOW - 2
    assert made.session(token).key.name == "desk"


def test_session__key_whose_scopes_shrink__loses_its_tokens():
    made = gate()
    token, _ = made.issue(keys()[0], {})
    made.whitelist.reload(keys(scopes=frozenset({Scope.READ})), NOW)

    with pytest.raises(UnauthenticatedError, match="off the list"):
        made.session(token)


def test_session__list_reloaded_as_it_was__keeps_its_tokens():
    made = gate()
    token, _ = made.issue(keys()[0], {})
    made.whitelist.reload(keys(), NOW)

    assert made.session(token).key.name == "desk"


def test_session__key_listed_again_within_a_second__has_new_tokens_alone():
    made = gate()
    old, _ = made.issue(keys()[0], {})
    made.whitelist.reload([], NOW)
    made.whitelist.reload(keys(), NOW)
    new, _ = made.issue(keys()[0], {})

    with pytest.raises(UnauthenticatedError):
        made.session(old)
    assert made.session(new).key.name == "desk"


@pytest.mark.parametrize(
    ("operators", "problem"),
    [
        (keys() + keys(), "listed twice"),
        (keys(scopes=frozenset()), "has no scope"),
        (keys(address=b"\1" * 19), "is not an address"),
        (keys(channels=frozenset(bytes([i]) * 32 for i in range(33))), "too many channels"),
    ],
)
def test_reload__bad_list__is_refused_and_the_old_one_stays(operators, problem):
    whitelist = Whitelist(keys())

    with pytest.raises(ConfigError, match=problem):
        whitelist.reload(operators, NOW)
    assert whitelist.find(OPERATOR.address) == keys()[0]


def test_gate__short_secret__is_refused():
    with pytest.raises(ConfigError, match="fewer than 32 bytes"):
        gate(secret=bytes(31))
    assert gate(secret=bytes(32)).skew_s == 2


def test_read_secret__readable_by_others__is_refused(tmp_path):
    file = tmp_path / "secret"
    file.write_bytes(b"x" * 32 + b"\n")
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="read by others"):
        read_secret(file)
    file.chmod(0o600)
    assert read_secret(file) == b"x" * 32
    with pytest.raises(ConfigError, match="no such file"):
        read_secret(tmp_path / "none")


def test_token__of_a_key_with_32_channels__fits_the_headers():
    """8 KiB is what gRPC lets through for certain."""
    ids = [bytes([i]) * 32 for i in range(40)]
    key = OperatorKey(LocalSigner(bytes([9]) * 32).address, "k", ALL, frozenset(ids[:32]))
    token, _ = gate().issue(key, dict.fromkeys(ids, 10**30 - 1))

    assert len(claims_of(token)["margin"]) == 32
    assert len(token) < 8 * 1024
