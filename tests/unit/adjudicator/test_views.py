"""The views: what is stored, what was given, and the hashes that signers sign."""

from dataclasses import replace

import pytest

from clearing.channel.codec import (
    DOMAIN_NAME,
    DOMAIN_VERSION,
    channel_id,
    domain_separator,
    hash_order,
    hash_state,
)
from clearing.spec.types import ZERO_WORD, Side, Status
from clearing.spec.units import DAY_S
from tests.unit.adjudicator.conftest import LEDGER
from tests.unit.adjudicator.scene import EMPTY, refusal


def test_channel_of__never_opened__is_blank(scene, papers):
    view = scene.adjudicator.call("channelOf", papers.id)

    assert view == (Status.NEW, 0, 0, 0, 0, 0, ZERO_WORD, ZERO_WORD)


def test_channel_of__challenged_with_a_lock__tells_all(scene, opened):
    order = opened.order(5)
    state = opened.settling(order)
    scene.send(opened.challenge(state), opened.fund(order, Side.HIGH))

    view = scene.adjudicator.call("channelOf", opened.id)

    deadline = scene.now - 1 + DAY_S
    digests = (hash_state(state), hash_order(order))
    assert view == (Status.CHALLENGED, 0, 5, deadline, 5, 2, *digests)


def test_net_of__open__is_what_each_side_put_in(scene, opened):
    nets = [scene.adjudicator.call("netOf", opened.id, asset) for asset in (0, 1, 2, 7)]

    assert nets == [(1_000, 2_000), (300, 0), (0, 0), (0, 0)]


def test_net_of__asset_that_no_channel_has__is_refused(scene, opened):
    scene.assert_only_fails_for(
        lambda asset: scene.act("netOf", opened.id, asset, by=scene.outsider),
        broken=8,
        fixed=7,
        error=refusal("Panic", code=0x32),
    )


def test_balance_of__brokers_and_others__is_the_ledger(scene):
    held = [
        scene.adjudicator.call("balanceOf", account, scene.tokens[0])
        for account in (scene.low, scene.high, scene.outsider)
    ]

    assert held == [LEDGER, LEDGER, 0]


def test_cap_of__listed_and_not__is_the_cap_or_zero(scene):
    caps = [scene.adjudicator.call("capOf", token) for token in (scene.tokens[0], scene.outsider)]

    assert caps == [10**12, 0]


def test_is_auth_spent__spent_and_not__says_so(scene):
    scene.send(scene.act("cancelAuth", 513, by=scene.low))

    spent = [
        scene.adjudicator.call("isAuthSpent", account, nonce)
        for account, nonce in ((scene.low, 513), (scene.low, 1), (scene.high, 513))
    ]

    assert spent == [True, False, False]


def test_openings_paused_until__before_and_in_a_pause__is_its_end(scene):
    before = scene.adjudicator.call("openingsPausedUntil")
    until = scene.now + 100
    scene.send(scene.act("pauseOpenings", until, by=scene.guardian))

    assert (before, scene.adjudicator.call("openingsPausedUntil")) == (0, until)


def test_parameters__any__are_the_constructors(scene):
    """The numbers of deployments/params/local.yaml."""
    assert scene.adjudicator.call("parameters") == (
        scene.contracts.registry.address,
        scene.timelock,
        scene.guardian,
        DAY_S,
        7 * DAY_S,
        DAY_S,
        100_000,
    )


# HASHES


def test_hash_def__any__is_the_channels_id(scene, papers):
    """[ENC-01] The digest in Python is the contract's."""
    got = scene.adjudicator.call("hashDef", papers.definition)

    assert got == channel_id(papers.definition)


def test_hash_state__each_kind__is_what_is_signed(scene, papers):
    """[ENC-01] The digest in Python is the contract's."""
    states = (papers.opening(), papers.resizing(), papers.closing(), papers.hash_locked())
    states += (papers.settling(papers.order()), replace(papers.operate(), splits=()))

    got = [scene.adjudicator.call("hashState", state) for state in states]

    assert got == [hash_state(state) for state in states]


def test_hash_order__any__is_what_a_state_names(scene, papers):
    """[ENC-01] The digest in Python is the contract's."""
    orders = (papers.order(), papers.order(legs=()))

    got = [scene.adjudicator.call("hashOrder", order) for order in orders]

    assert got == [hash_order(order) for order in orders]


def test_domain_separator__this_chain_and_a_fork__follows_the_chain_id(scene):
    """[ADJ-18] A fork of the chain replays nothing."""
    here, address = scene.contracts.chain_id, scene.adjudicator.address
    first = scene.adjudicator.call("domainSeparator")
    scene.node.request("anvil_setChainId", [here + 1])
    try:
        forked = scene.adjudicator.call("domainSeparator")
    finally:
        scene.node.request("anvil_setChainId", [here])

    assert first == domain_separator(here, address)
    assert forked == domain_separator(here + 1, address)


def test_eip712_domain__any__names_the_domain_for_wallets(scene):
    """ERC-5267: fields 0x0f are name, version, chain and contract."""
    assert scene.adjudicator.call("eip712Domain") == (
        b"\x0f",
        DOMAIN_NAME,
        DOMAIN_VERSION,
        scene.contracts.chain_id,
        scene.adjudicator.address,
        ZERO_WORD,
        (),
    )


# DIRTY BITS

# The first argument starts two words in; positions below are of its words.
DEF_WORDS = {
    "adjudicator": 1, "brokerLow": 2, "brokerHigh": 3, "signerLow": 4, "signerHigh": 5,
    "challengeDuration": 7, "nonce": 8, "assets[0]": 10, "assets[1]": 11,
}  # fmt: skip
STATE_WORDS = {
    "epoch": 1, "version": 2, "intent": 3, "signedAt": 8, "validUntil": 9,
    "splits[0].netLow": 11, "splits[0].netHigh": 12, "splits[0].low": 13, "splits[0].high": 14,
    "splits[0].outLow": 15, "splits[0].outHigh": 16, "splits[1].netLow": 17,
    "splits[1].outHigh": 22, "condition.kind": 23, "condition.expiry": 25,
    "condition.altLow[0]": 28, "condition.altLow[1]": 29,
}  # fmt: skip
ORDER_WORDS = {
    "epoch": 1, "version": 2, "fundBy": 3,
    "legs[0].token": 6, "legs[0].fromLow": 7, "legs[0].amount": 8, "legs[1].token": 9,
    "legs[1].fromLow": 10, "legs[1].amount": 11,
}  # fmt: skip


@pytest.mark.parametrize(
    ("function", "word"),
    [
        *(pytest.param("hashDef", at, id=f"ChannelDef.{name}") for name, at in DEF_WORDS.items()),
        *(pytest.param("hashState", at, id=f"state.{name}") for name, at in STATE_WORDS.items()),
        *(pytest.param("hashOrder", at, id=f"order.{name}") for name, at in ORDER_WORDS.items()),
    ],
)
def test_hash__bits_outside_a_members_type__are_refused(scene, papers, function, word):
    """[ADJ-17] One content has one encoding; the compiler's own decoder says no more either."""
    struct = {
        "hashDef": papers.definition,
        "hashState": papers.hash_locked(),
        "hashOrder": papers.order(),
    }[function]
    clean = scene.act(function, struct, by=scene.outsider)

    def call(spare_bit):
        data = bytearray(clean.data)
        data[4 + 32 * (1 + word)] |= spare_bit
        return replace(clean, data=bytes(data))

    scene.assert_only_fails_for(call, broken=0x80, fixed=0, error=EMPTY)
