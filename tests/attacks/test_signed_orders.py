"""Signed orders against whoever wants to fill them twice, for somebody else, or not at all."""

from dataclasses import replace

import pytest

from clearing.chain.artifacts import load
from clearing.channel.codec import (
    DERIVATIVES_NAME,
    DOMAIN_NAME,
    domain_separator,
    hash_perp_order,
    signing_digest,
)
from clearing.channel.perp_batch import Match, SignedFill, pack
from clearing.channel.signatures import ORDER, Signature
from clearing.spec.perp_orders import REACH
from tests.harness.errors import Halted, Refused
from tests.harness.match import Trader, abi_group, abi_signed
from tests.harness.revm import CHAIN_ID, Revm, text_of
from tests.unit.match_settler.scene import ONE, Scene

PARITY = 1 << 255
MODES = {"accept": 0, "refuse": 1, "revert": 2, "burn": 3, "bomb": 4, "silence": 5}
PLENTY = 8_000_000


@pytest.fixture(scope="module")
def stage():
    return Scene.new()


@pytest.fixture
def scene(stage):
    with stage.chain.isolated():
        yield stage


@pytest.fixture(params=["settle", "settle_packed"])
def settle(scene, request):
    return getattr(scene.rig, request.param)


def invalid(scene, who):
    return ("InvalidSignature", getattr(scene, who).account, 0)


# ONCE


def test_replay__a_batch_that_was_settled__fills_nothing(scene, settle):
    """[PERP-39] Its orders are full."""
    match = scene.match()
    scene.rig.skipped(settle(match))

    assert scene.skip_of(match, settle)[0] == "Overfilled"


def test_replay__of_a_packed_batch_as_it_is__is_refused(scene):
    batch = pack(1, [scene.match()])
    scene.rig.settle_bytes(batch)

    scene.refused(lambda: scene.rig.settle_bytes(batch), "BatchOutOfOrder", 1, 2)


def test_replay__after_the_slot_was_used_again__fills_nothing(scene, settle):
    """[PERP-39] A slot that forgot an order refuses it."""
    old = scene.match(nonce=5)
    settle(old)
    settle(scene.match(nonce=69))

    assert scene.skip_of(old, settle)[0] == "NonceReplaced"


def test_replay__in_one_batch__fills_once(scene, settle):
    match = scene.match()

    ((index, reason),) = scene.rig.skipped(settle(match, match))

    assert (index, reason.name) == (1, "Overfilled")
    assert scene.rig.size(scene.taker) == ONE


@pytest.mark.parametrize("what", ["cancel", "cancelUpTo"])
def test_cancelled__before_the_batch__fills_nothing(scene, settle, what):
    """[PERP-39] However it was cancelled."""
    match = scene.match(nonce=3)
    scene.fills(match, settle)
    args = ([3],) if what == "cancel" else (4,)
    scene.settler.send(what, scene.maker.account, *args, sender=scene.maker.owner)

    assert scene.skip_of(match, settle)[0] in {"Overfilled", "NonceTooLow"}


def test_nonce__far_ahead__cannot_poison_a_slot(scene, settle):
    """A nonce beyond reach would shut its slot for ever; neither a fill nor a cancel takes it."""
    top = 2**40 - 1
    assert scene.skip_of(scene.match(nonce=top), settle)[0] == "NonceTooHigh"
    account, owner = scene.maker.account, scene.maker.owner
    act = lambda: scene.settler.send("cancel", account, [top], sender=owner)  # noqa: E731
    scene.refused(act, "NonceOutOfReach", account, top, 0)
    scene.fills(scene.match(nonce=top % 64), settle)
    scene.fills(scene.match(nonce=REACH), settle)


# FOR NOBODY ELSE


def signed_for(scene, match, separator):
    """The maker signs for another domain."""
    (maker,) = match.makers
    digest = signing_digest(separator, hash_perp_order(maker.order))
    return replace(match, makers=(replace(maker, signature=scene.maker.key.sign(digest)),))


def test_signature__for_another_domain__fills_nothing(scene, settle):
    """[PERP-39] Another chain, contract or name."""
    here, match = scene.settler.address, scene.match()
    scene.fills(
        signed_for(scene, match, domain_separator(CHAIN_ID, here, DERIVATIVES_NAME)), settle
    )
    for separator in (
        domain_separator(CHAIN_ID + 1, here, DERIVATIVES_NAME),
        domain_separator(CHAIN_ID, scene.rig.perp.engine.address, DERIVATIVES_NAME),
        domain_separator(CHAIN_ID, here, DOMAIN_NAME),
    ):
        foreign = signed_for(scene, match, separator)
        assert scene.skip_of(foreign, settle) == invalid(scene, "maker")


def malleated(signature):
    """The other signature of the same digest and key: r, order - s, other parity."""
    vs = int.from_bytes(signature.vs, "big")
    s, parity = vs % PARITY, vs // PARITY
    return ORDER - s, 1 - parity


def test_signature__malleated__fills_nothing(scene):
    """[PERP-39] The twin of a signature is none."""
    match = scene.match()
    (maker,) = match.makers
    high_s, parity = malleated(maker.signature)
    expanded = maker.signature.r + high_s.to_bytes(32, "big") + bytes([27 + parity])
    taker = abi_signed(match.taker)

    def receipt(signature):
        return scene.rig.settle_groups([(taker, [((maker.order, signature), ONE)])])

    with scene.chain.isolated():
        assert scene.rig.skipped(receipt(maker.signature.expanded())) == ()
    ((_, reason),) = scene.rig.skipped(receipt(expanded))
    assert (reason.name, *reason.args_) == invalid(scene, "maker")
    compact = Signature(maker.signature.r, (high_s % PARITY + parity * PARITY).to_bytes(32, "big"))
    bad = replace(match, makers=(replace(maker, signature=compact),))
    for form in (scene.rig.settle, scene.rig.settle_packed):
        assert scene.skip_of(bad, form) == invalid(scene, "maker")


@pytest.mark.parametrize("length", [0, 1, 63, 66, 96, 1_000])
def test_signature__of_another_length__fills_nothing(scene, length):
    match = scene.match()
    (maker,) = match.makers
    signature = maker.signature.expanded().ljust(length, b"\0")[:length]

    receipt = scene.rig.settle_groups(
        [(abi_signed(match.taker), [((maker.order, signature), ONE)])]
    )

    ((_, reason),) = scene.rig.skipped(receipt)
    assert (reason.name, *reason.args_) == invalid(scene, "maker")
    scene.fills(match)


CHANGES = {
    "size": -2 * ONE,
    "limit_price": 2_999 * 10**18,
    "max_fee_ppm": 501,
    "expiry": 2**40,
    "nonce": 1,
    "flags": 2,
}


@pytest.mark.parametrize("member", sorted(CHANGES))
def test_order__changed_after_it_was_signed__fills_nothing(scene, settle, member):
    match = scene.match(max_fee_ppm=501) if member != "max_fee_ppm" else scene.match()
    scene.fills(match, settle)
    tampered = scene.changed(match, **{member: CHANGES[member]})
    if member == "max_fee_ppm":  # one for the whole packed batch
        fixed = replace(tampered.taker, order=replace(tampered.taker.order, max_fee_ppm=501))
        tampered = replace(tampered, taker=scene.rig.signed(scene.taker, fixed.order, ONE))

    nonce = tampered.makers[0].order.nonce
    assert scene.skip_of(tampered, settle) == ("InvalidSignature", scene.maker.account, nonce)


def test_order__of_another_account_of_the_signer__is_that_accounts_alone(scene, settle):
    """A signature names the account: it cannot be turned on another one of the same owner."""
    key = scene.maker.key
    other = Trader(scene.rig.perp.engine.send("createAccount", sender=key.address).output, key)
    scene.rig.perp.fund(other.account, 1_000_000)
    moved = scene.changed(scene.match(), account=other.account)

    assert scene.skip_of(moved, settle) == ("InvalidSignature", other.account, 0)


# CONTRACTS THAT SIGN


@pytest.fixture
def wallet(scene):
    """A contract owns an account with a million."""
    roles, engine = scene.rig.perp.roles, scene.rig.perp.engine
    made = scene.chain.deploy("HostileSigner", sender=roles.deployer)
    create = engine.call("createAccount", 0).method.encode()
    output = made.send("execute", engine.address, create, sender=roles.outsider).output
    account = int.from_bytes(output, "big")
    scene.rig.perp.fund(account, 1_000_000)
    return made, account


def wallets_group(scene, account):
    """A sale by the contract's account, signed by nobody."""
    order = scene.order(Trader(account, scene.third.key), -ONE)
    fill = SignedFill(order, Signature(b"\x11" * 32, b"\x22" * 32), ONE)
    return Match(scene.rig.signed(scene.taker, scene.order(scene.taker, ONE), ONE), (fill,))


@pytest.mark.parametrize("mode", sorted(MODES))
def test_contract__whatever_it_answers__fills_only_what_it_vouches_for(scene, wallet, mode):
    """[PERP-09] A bomb begins with the magic word: what follows is not copied."""
    contract, account = wallet
    contract.send("setMode", MODES[mode], sender=scene.rig.perp.roles.outsider)
    match = wallets_group(scene, account)

    if mode in {"accept", "bomb"}:
        scene.fills(match)
    else:
        assert scene.skip_of(match) == ("InvalidSignature", account, 0)


def test_contract__packed__is_never_asked(scene, wallet):
    """A 64-byte signature in the packed form is a key's."""
    _, account = wallet
    match = wallets_group(scene, account)

    assert scene.skip_of(match, scene.rig.settle_packed) == ("InvalidSignature", account, 0)
    scene.fills(match)


def test_contract__that_burns_all_gas__costs_its_cap(scene, wallet):
    contract, account = wallet
    match, outsider = wallets_group(scene, account), scene.rig.perp.roles.outsider
    used = {}
    for mode in ("refuse", "burn", "bomb"):
        contract.send("setMode", MODES[mode], sender=outsider)
        with scene.chain.isolated():
            used[mode] = scene.rig.settle(match).gas_used

    assert used["burn"] - used["refuse"] <= 100_000
    contract.send("setMode", MODES["burn"], sender=outsider)
    good = scene.match(nonce=1)
    receipt = scene.rig.settle(*[match] * 20, good)
    assert [reason.name for _, reason in scene.rig.skipped(receipt)] == ["InvalidSignature"] * 20
    assert scene.rig.size(scene.taker) == ONE


def reentries(scene, account):
    """What a signer who may do all of it at other times would like to do within a batch."""
    settler, engine = scene.settler, scene.rig.perp.engine
    yield settler, ("cancel", account, [0])
    yield settler, ("cancelUpTo", account, 1)
    yield engine, ("withdraw", account, 1, scene.third.owner)
    yield engine, ("transferCash", account, scene.third.account, 10**18)
    yield engine, ("createAccount",)
    yield engine, ("setSession", account, scene.third.owner, 2**39)
    yield engine, ("tickFunding", 0)


def data_of(contract, name, *args):
    return contract.call(name, len(args)).method.encode(*args)


def test_contract__that_calls_back__changes_nothing(scene, wallet):
    """[PERP-10] It vouches if its call back succeeds; each succeeds outside of a batch."""
    contract, account = wallet
    outsider = scene.rig.perp.roles.outsider
    match = wallets_group(scene, account)
    for callee, call in reentries(scene, account):
        with scene.chain.isolated():
            data = data_of(callee, *call)
            contract.send("execute", callee.address, data, sender=outsider)
        contract.send("arm", callee.address, data, sender=outsider)
        assert scene.skip_of(match) == ("InvalidSignature", account, 0), call

    look = data_of(scene.settler, "lastBatch")
    contract.send("arm", scene.settler.address, look, sender=outsider)
    scene.fills(match)  # to look is free


def test_contract__that_is_the_settler__cannot_begin_a_batch_within_one(scene, wallet):
    """[PERP-10] The inner batch is in order and settles once the outer one is done."""
    contract, account = wallet
    roles, outsider = scene.rig.perp.roles, scene.rig.perp.roles.outsider
    scene.settler.send("setSettler", contract.address, sender=roles.timelock)
    inner = data_of(scene.settler, "settle", 2, [abi_group(scene.match(nonce=1))])
    outer = data_of(scene.settler, "settle", 1, [abi_group(wallets_group(scene, account))])
    contract.send("arm", scene.settler.address, inner, sender=outsider)

    receipt = contract.send("execute", scene.settler.address, outer, sender=outsider)

    ((_, reason),) = scene.rig.skipped(receipt)
    assert reason.name == "InvalidSignature"
    assert scene.rig.size(scene.taker) == 0
    contract.send("execute", scene.settler.address, inner, sender=outsider)
    assert scene.rig.size(scene.taker) == ONE


# THE SETTLER


def test_settler__with_too_little_gas__cannot_skip_a_group(scene, settle):
    """[PERP-11] At any gas the batch ends as with plenty, or not at all."""
    good = [scene.match(nonce=n) for n in (0, 1)]
    with scene.chain.isolated():
        full = settle(*good, gas=PLENTY)
        assert scene.rig.skipped(full) == ()
        wanted, needed = scene.state(), full.gas_used
    ends = set()
    for gas in range(60_000, needed + 120_000, 4_001):
        with scene.chain.isolated():
            try:
                receipt = settle(*good, gas=gas)
            except Halted:
                ends.add("halted")
            except Refused as refusal:
                ends.add(refusal.name)
            else:
                assert scene.rig.skipped(receipt) == ()
                assert scene.state() == wanted
                ends.add("settled")

    assert "settled" in ends
    assert ends <= {"settled", "halted", "InsufficientGas", "0x"}
    assert "InsufficientGas" in ends


def test_settler__starving_a_contracts_answer__cannot_refuse_for_it(scene, wallet):
    """[PERP-11] The wallet needs little; the cap must have been there all the same."""
    _, account = wallet
    match = wallets_group(scene, account)
    with scene.chain.isolated():
        scene.rig.settle(match, gas=PLENTY)
        wanted = scene.state()
    ends = set()
    for gas in range(60_000, 900_000, 7_001):
        with scene.chain.isolated():
            try:
                receipt = scene.rig.settle(match, gas=gas)
            except (Halted, Refused) as failure:
                ends.add(getattr(failure, "name", "halted"))
            else:
                assert scene.rig.skipped(receipt) == ()
                assert scene.state() == wanted
                ends.add("settled")

    assert ends >= {"settled", "InsufficientGas"}


def test_settler__in_the_middle_of_anothers_call__is_shut_out(scene):
    """The lock is the engine's: a batch cannot begin while anybody holds it."""
    roles, engine = scene.rig.perp.roles, scene.rig.perp.engine
    middle = scene.chain.deploy("HostileAccount", sender=roles.deployer)
    engine.send("setModule", 1, bytes(20), sender=roles.timelock)
    engine.send("setModule", 1, middle.address, sender=roles.timelock)
    scene.settler.send("setSettler", middle.address, sender=roles.timelock)
    enter, leave = (engine.call(name, 0).method.encode() for name in ("enter", "exit"))
    batch = scene.settler.call("settle", 2).method.encode(1, [abi_group(scene.match())])

    def call(*steps):
        calls = [(to.address, 0, data) for to, data in steps]
        return middle.send("execute", calls, sender=roles.outsider)

    inside = ((engine, enter), (scene.settler, batch), (engine, leave))
    scene.refused(lambda: call(*inside), "Locked")
    call((engine, enter), (engine, leave), (scene.settler, batch))
    assert scene.rig.size(scene.taker) == ONE


@pytest.mark.parametrize(
    ("cut", "offset"),
    [
        (lambda data: data[:0], 0),
        (lambda data: data[:31], 0),
        (lambda data: bytes([data[0] | 16]) + data[1:], 0),
        (lambda data: data[:1] + bytes([data[1] | 15]) + data[2:], 0),
        (lambda data: data[:-1], 32),
        (lambda data: data + b"\0", len),
        (lambda data: data[:32] + bytes([data[32] | 1]) + data[33:], 32),
        (lambda data: data[:33] + bytes([2]) + data[34:], 32),
    ],
)
def test_settler__packing_badly__is_refused(scene, cut, offset):
    """Nothing is read from beyond the batch, nor left over."""
    batch = pack(1, [scene.match()])
    at = offset(batch) if callable(offset) else offset

    scene.refused(lambda: scene.rig.settle_bytes(cut(batch)), "BadPacking", at)
    assert scene.rig.skipped(scene.rig.settle_bytes(batch)) == ()


@pytest.mark.parametrize(
    ("units", "numbers", "reason"),
    [
        ((2**64 - 1, 1), (2**64 - 1, 1, 0), "SafeCastOverflowedIntDowncast"),
        ((1, 2**48 - 1), (1, 2**64 - 1, 0), "SafeCastOverflowedUintDowncast"),
        ((1, 1), (1, 1, 2**64 - 1), "SafeCastOverflowedUintDowncast"),
        ((2**64 - 1, 2**48 - 1), (2**63, 2**33, 2**63), "InvalidSignature"),
    ],
)
def test_settler__packing_numbers_beyond_their_types__is_skipped(scene, units, numbers, reason):
    """Counts times units revert, never wrap; the last row is the greatest that fits."""
    base = 2**40 - 1
    word, at = 0, 0
    for value, bits in ((1, 48), (500, 32), (base, 40), (units[0], 64), (units[1], 48)):
        word |= value << at
        at += bits
    for width in (1, 0, 8, 8, 8):
        word |= width << at
        at += 4
    fields = b"".join(number.to_bytes(8, "big") for number in numbers)
    order = bytes([0, scene.maker.account]) + fields + b"\x11" * 64
    batch = word.to_bytes(32, "big") + bytes([0, 1]) + order + order

    receipt = scene.rig.settle_bytes(batch)

    ((_, refusal),) = scene.rig.skipped(receipt)
    assert refusal.name == reason


def test_fork__on_another_chain__needs_other_signatures(scene):
    """[PERP-39] The same code at the same address of a chain that split off."""
    fork = Revm(chain_id=CHAIN_ID + 1)
    address, abi = scene.settler.address, load("MatchSettler").abi
    fork.set_code(address, scene.chain.evm.get_code(text_of(address)))
    there = fork.at(address, abi)
    order = scene.match().taker.order

    assert scene.settler.read("digestOf", order) == scene.rig.digest(order)
    assert there.read("digestOf", order) != scene.rig.digest(order)
    separator = domain_separator(CHAIN_ID + 1, address, DERIVATIVES_NAME)
    assert there.read("domainSeparator") == separator
    assert there.read("digestOf", order) == signing_digest(separator, hash_perp_order(order))
