"""open: two signed nets become a channel, from the ledgers first, then from the allowances."""

from dataclasses import replace

import pytest

from clearing.spec.registry import LOT
from clearing.spec.types import ZERO_ADDRESS, AssetFunding, Side, Status
from clearing.spec.units import DAY_S
from tests.unit.adjudicator.conftest import LEDGER
from tests.unit.adjudicator.papers import with_split
from tests.unit.adjudicator.scene import EMPTY, RICHES, refusal

OPENED_BY_THE_LEDGERS = {
    "status": Status.OPEN,
    "enforced_version": 1,
    "net low 0": 1_000,
    "net high 0": 2_000,
    "net low 1": 300,
    "ledger low 0": -1_000,
    "ledger high 0": -2_000,
    "ledger low 1": -300,
    "slots low": 1,
    "slots high": 1,
}


def test_open__ledgers_cover_the_nets__moves_them_into_the_channel(papers):
    assert papers.changes_of(papers.open()) == OPENED_BY_THE_LEDGERS


def test_open__ledgers_cover_the_nets__emits_opened(scene, papers):
    events = scene.events_of(papers.open(papers.opening(version=9)))

    assert events == (
        scene.event(
            "Opened",
            id=papers.id,
            broker_low=scene.low,
            broker_high=scene.high,
            epoch=0,
            version=9,
            funding=(
                AssetFunding(scene.tokens[0], 1_000, 2_000, 0, 0),
                AssetFunding(scene.tokens[1], 300, 0, 0, 0),
            ),
        ),
    )


def test_open__ledgers_cover_a_part__pulls_the_rest_from_the_allowances(scene, papers):
    """One of the two tokens answers nothing to a transfer."""
    papers = replace(papers, nets=((LEDGER + 5, LEDGER), (LEDGER + 6, LEDGER + 7)))

    assert papers.changes_of(papers.open()) == OPENED_BY_THE_LEDGERS | {
        "net low 0": LEDGER + 5,
        "net high 0": LEDGER,
        "net low 1": LEDGER + 6,
        "net high 1": LEDGER + 7,
        "ledger low 0": -LEDGER,
        "ledger high 0": -LEDGER,
        "ledger low 1": -LEDGER,
        "ledger high 1": -LEDGER,
        "wallet low 0": -5,
        "wallet low 1": -6,
        "wallet high 1": -7,
        "vault 0": 5,
        "vault 1": 13,
    }


def test_open__ledgers_cover_a_part__emits_what_was_pulled(scene, papers):
    papers = replace(papers, nets=((LEDGER + 5, LEDGER), (LEDGER + 6, LEDGER + 7)))
    first, second = scene.tokens
    vault = scene.adjudicator.address

    events = scene.events_of(papers.open())

    assert events == (
        scene.event(
            "Opened",
            id=papers.id,
            broker_low=scene.low,
            broker_high=scene.high,
            epoch=0,
            version=1,
            funding=(
                AssetFunding(first, LEDGER + 5, LEDGER, 5, 0),
                AssetFunding(second, LEDGER + 6, LEDGER + 7, 6, 7),
            ),
        ),
        scene.moved(first, scene.low, vault, 5),
        scene.moved(second, scene.low, vault, 6),
        scene.moved(second, scene.high, vault, 7),
    )


def test_open__after_an_end__starts_the_next_epoch(scene, ended):
    """[ADJ-06] The nets are set, not added to those of the life before."""
    again = replace(ended, nets=((10, 20), (0, 30)))

    scene.send(again.open(again.opening(version=1)))

    channel = scene.contracts.channel(again.id, 2)
    assert (channel.status, channel.epoch, channel.enforced_version) == (Status.OPEN, 1, 1)
    assert channel.nets[:2] == ((10, 20), (0, 30))


def test_open__eight_assets__opens(scene, papers):
    """The most that a channel holds."""
    more = [scene.add_token("MockERC20").address for _ in range(6)]
    assets = tuple(sorted((*scene.tokens, *more)))
    eight = replace(
        papers,
        definition=replace(papers.definition, assets=assets),
        nets=tuple((i, 100 + i) for i in range(8)),
    )

    scene.send(eight.open())

    assert scene.contracts.channel(eight.id, 8).nets == eight.nets


def test_open__nothing_put_in__opens(scene, papers):
    """Collateral may come later."""
    empty = replace(papers, nets=((0, 0), (0, 0)))

    changed = empty.changes_of(empty.open())

    assert changed == {
        "status": Status.OPEN,
        "enforced_version": 1,
        "slots low": 1,
        "slots high": 1,
    }


# STATUS AND PAUSE


def test_open__open_already__is_refused(scene, papers):
    """[ADJ-08] The same opening serves once."""
    scene.assert_only_fails_for(
        lambda before: [*before, papers.open()],
        broken=[papers.open()],
        fixed=[],
        error=refusal("WrongStatus", status=Status.OPEN),
    )


def test_open__challenged__is_refused(scene, papers):
    scene.assert_only_fails_for(
        lambda before: [*before, papers.open()],
        broken=[papers.open(), papers.challenge(papers.operate())],
        fixed=[],
        error=refusal("WrongStatus", status=Status.CHALLENGED),
    )


def test_open__paused__is_refused_until_the_pause_ends(scene, papers):
    until = scene.now + 1_000
    scene.send(scene.act("pauseOpenings", until, by=scene.guardian))

    scene.assert_only_fails_for(
        lambda second: papers.open().at(second),
        broken=until - 1,
        fixed=until,
        error=refusal("OpeningsArePaused", until=until),
    )


# DEFINITION


def refuse_definition(papers, error, **fields):
    """Open with the definition and with some of its fields changed; both are signed."""
    papers.scene.assert_only_fails_for(
        lambda definition: replace(papers, definition=definition).open(),
        broken=replace(papers.definition, **fields),
        fixed=papers.definition,
        error=error,
    )


def test_open__definition_for_another_chain__is_refused(scene, papers):
    """[ADJ-18] Nothing signed for elsewhere serves here."""
    here = scene.contracts.chain_id
    refuse_definition(papers, refusal("WrongChain", have=here + 1, want=here), chain_id=here + 1)


def test_open__definition_for_another_contract__is_refused(scene, papers):
    """[ADJ-18] Nothing signed for elsewhere serves here."""
    here = scene.adjudicator.address
    refuse_definition(
        papers,
        refusal("WrongAdjudicator", have=scene.outsider, want=here),
        adjudicator=scene.outsider,
    )


def test_open__brokers_swapped__is_refused(scene, papers):
    """A pair of brokers has one order, so that a side has one meaning."""
    refuse_definition(
        papers,
        refusal("BrokersNotAscending", low=scene.high, high=scene.low),
        broker_low=scene.high,
        broker_high=scene.low,
    )


def test_open__one_broker_on_both_sides__is_refused(scene, papers):
    refuse_definition(
        papers,
        refusal("BrokersNotAscending", low=scene.low, high=scene.low),
        broker_high=scene.low,
    )


@pytest.mark.parametrize("side", ["signer_low", "signer_high"])
def test_open__zero_signer__is_refused(papers, side):
    """[ADJ-19] A signature that recovers to nobody would be zero's."""
    signers = {name: getattr(papers.definition, name) for name in ("signer_low", "signer_high")}
    bad = signers | {side: ZERO_ADDRESS}
    refuse_definition(
        papers, refusal("BadSigners", low=bad["signer_low"], high=bad["signer_high"]), **bad
    )


def test_open__one_signer_for_both_sides__is_refused(papers):
    signer = papers.definition.signer_low
    refuse_definition(papers, refusal("BadSigners", low=signer, high=signer), signer_high=signer)


@pytest.mark.parametrize("count", [0, 9])
def test_open__no_assets_or_nine__is_refused(scene, papers, count):
    assets = tuple(bytes([i + 1]) * 20 for i in range(count))

    scene.assert_only_fails_for(
        lambda each: each.open(),
        broken=replace(
            papers,
            definition=replace(papers.definition, assets=assets),
            nets=((0, 0),) * count,
        ),
        fixed=papers,
        error=refusal("BadAssetCount", count=count),
    )


@pytest.mark.parametrize("order", [(0, 0), (1, 0)])
def test_open__assets_not_ascending__is_refused(papers, order):
    """One asset twice would be counted twice."""
    assets = papers.definition.assets
    refuse_definition(
        papers,
        refusal("AssetsNotAscending", asset=1),
        assets=tuple(assets[i] for i in order),
    )


def test_open__last_asset_below_its_neighbour__names_it(scene, papers):
    first, second = scene.tokens

    scene.assert_only_fails_for(
        lambda each: each.open(),
        broken=replace(
            papers,
            definition=replace(papers.definition, assets=(first, second, first)),
            nets=(*papers.nets, (0, 0)),
        ),
        fixed=papers,
        error=refusal("AssetsNotAscending", asset=2),
    )


@pytest.mark.parametrize(
    ("good", "bad"), [(DAY_S, DAY_S - 1), (7 * DAY_S, 7 * DAY_S + 1), (DAY_S, 0)]
)
def test_open__challenge_duration_out_of_bounds__is_refused(papers, good, bad):
    within = replace(papers, definition=replace(papers.definition, challenge_duration=good))
    refuse_definition(
        within,
        refusal("ChallengeDurationOutOfRange", duration=bad, min=DAY_S, max=7 * DAY_S),
        challenge_duration=bad,
    )


@pytest.mark.parametrize("word", range(1, 10), ids=lambda word: f"word {word}")
def test_open__dirty_bits_in_the_definition__is_refused(scene, papers, word):
    """Bits outside a member's type would make a second definition of the same brokers."""
    if word == 6:
        word = 9 + 1  # the offset of `assets` has no spare bits, its first item has
    start = 4 + 6 * 32  # selector; heads of def, state and four signature words

    def call(is_dirty):
        act = papers.open()
        at = start + word * 32
        data = bytearray(act.data)
        data[at] |= 0x80 * is_dirty
        return replace(act, data=bytes(data))

    scene.assert_only_fails_for(call, broken=True, fixed=False, error=EMPTY)


# STATE


@pytest.mark.parametrize("make", ["operate", "resizing", "closing"])
def test_open__state_with_another_intent__is_refused(scene, papers, make):
    state = getattr(papers, make)(version=1)

    scene.assert_only_fails_for(
        papers.open,
        broken=state,
        fixed=papers.opening(),
        error=refusal("WrongIntent", intent=state.intent),
    )


def test_open__at_its_valid_until__is_refused(scene, papers):
    scene.assert_only_fails_for(
        lambda second: papers.open().at(second),
        broken=papers.soon,
        fixed=papers.soon - 1,
        error=refusal("StateExpired", valid_until=papers.soon),
    )


@pytest.mark.parametrize("asset", [0, 1])
def test_open__split_is_not_the_nets__is_refused(scene, papers, asset):
    state = papers.opening()
    split = state.splits[asset]

    scene.assert_only_fails_for(
        papers.open,
        broken=with_split(state, asset, low=split.low - 1, high=split.high + 1),
        fixed=state,
        error=refusal("BadOpening", asset=asset),
    )


def test_open__negative_net__is_refused(scene, papers):
    """Nobody takes out what the peer puts in."""
    state = papers.opening()

    scene.assert_only_fails_for(
        papers.open,
        broken=with_split(state, 0, net_low=-1, net_high=2_000, low=0, high=1_999),
        fixed=with_split(state, 0, net_low=0, net_high=2_000, low=0, high=2_000),
        error=refusal("BadOpening", asset=0),
    )


# TOKENS


def test_open__token_that_is_not_listed__is_refused(scene, papers):
    token = scene.add_token("MockERC20", cap=0)
    listing = scene.act("raiseCap", token.address, 20, by=scene.timelock)

    scene.assert_only_fails_for(
        lambda before: [*before, papers.over(token.address, (10, 20)).open()],
        broken=[],
        fixed=[listing],
        error=refusal("TokenNotListed", token=token.address),
    )


@pytest.mark.parametrize("side", list(Side))
def test_open__net_above_the_cap__is_refused(scene, papers, side):
    """The cap is for each side by itself."""
    token = scene.add_token("MockERC20", cap=50)

    def call(amount):
        net = (amount, 50) if side is Side.LOW else (50, amount)
        return papers.over(token.address, net).open()

    scene.assert_only_fails_for(
        call,
        broken=51,
        fixed=50,
        error=refusal("CapExceeded", token=token.address, amount=51, cap=50),
    )


def test_open__token_takes_a_fee__is_refused(scene, papers):
    """[ADJ-01] Both pulls of a token are checked as one."""
    token = scene.add_token("FeeOnTransferToken", 0)
    channel = papers.over(token.address, (10_000, 20_000))

    scene.assert_only_fails_for(
        lambda fee_bps: [
            scene.call(token, "setFeeBps", fee_bps, by=scene.low),
            channel.open(),
        ],
        broken=1,
        fixed=0,
        error=refusal("InexactTransfer", token=token.address, got=29_997, want=30_000),
    )


def test_open__allowance_does_not_cover_the_rest__fails_as_the_token_does(scene, papers):
    token = scene.add_token("MockERC20")
    vault = scene.adjudicator.address

    scene.assert_only_fails_for(
        lambda allowance: [
            scene.call(token, "approve", vault, allowance, by=scene.high),
            papers.over(token.address, (10, 20)).open(),
        ],
        broken=19,
        fixed=20,
        error=refusal("ERC20InsufficientAllowance", spender=vault, allowance=19, needed=20),
    )


def test_open__token_answers_false__is_refused(scene, papers):
    token = scene.add_token("FalseReturningToken")

    scene.assert_only_fails_for(
        lambda is_failing: [
            scene.call(token, "setFailing", is_failing, by=scene.low),
            papers.over(token.address, (10, 20)).open(),
        ],
        broken=True,
        fixed=False,
        error=refusal("SafeERC20FailedOperation", token=token.address),
    )


def test_open__token_calls_back__meets_the_lock(scene, papers):
    token = scene.add_token("ReentrantToken")
    channel = papers.over(token.address, (10, 20))
    inner = scene.act("cancelAuth", 1, by=scene.low)
    scene.send(scene.call(token, "arm", inner.to, inner.data, by=scene.low))

    scene.send(channel.open())

    assert token.call("calls") == 2
    locked = scene.adjudicator.interface.decode_error(token.call("answer"))
    assert locked == refusal("ReentrancyGuardReentrantCall")
    assert scene.contracts.wallet(scene.low, token.address) == RICHES - 10


# REGISTRY


@pytest.mark.parametrize("side", list(Side))
def test_open__broker_has_named_another_key__is_refused(scene, papers, side):
    """[REG-03] Else anybody names himself signer for a broker whose allowance he wants."""
    broker, signer = papers.definition.broker(side), papers.definition.signer(side)

    def call(named):
        naming = scene.call(scene.contracts.registry, "set_signer", named, by=broker)
        return [naming, papers.open()]

    scene.assert_only_fails_for(
        call,
        broken=scene.outsider,
        fixed=signer,
        error=refusal("SignerNotNamed", broker=broker, signer=signer),
    )


@pytest.mark.parametrize("side", list(Side))
def test_open__no_free_slot__is_refused(scene, papers, side):
    """[REG-01] One lot of stake is four channels; a fifth needs a second lot of both."""
    broker, peer = papers.definition.broker(side), papers.definition.broker(side.other)
    openings = [papers.numbered(nonce).open() for nonce in range(5)]

    def stake(who):
        return scene.call(scene.contracts.registry, "stake", LOT, by=who)

    scene.assert_only_fails_for(
        lambda stakers: [stake(peer), *map(stake, stakers), *openings],
        broken=[],
        fixed=[broker],
        error=refusal("NoSlot", broker=broker),
    )


def test_open__slots_of_a_closed_channel__serve_again(scene, papers):
    """[REG-01] Slots used are live channels."""
    *four, fifth = (papers.numbered(nonce) for nonce in range(5))
    scene.send(*(channel.open() for channel in four))

    scene.assert_only_fails_for(
        lambda before: [*before, fifth.open()],
        broken=[],
        fixed=[four[0].close(four[0].closing())],
        error=refusal("NoSlot", broker=scene.low),
    )
