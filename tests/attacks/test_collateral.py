"""Money that comes at the wrong moment, twice, or too much; and slots that outsiders would like."""

from dataclasses import replace

import pytest

from clearing.spec.types import Intent, Side, Status
from clearing.spec.units import Address
from tests.attacks.duel import STAKE, Duel, duel_over, only_refused_for, refused
from tests.harness.actors import key_of
from tests.harness.deployment import LOT

MAX_NET, MIN_NET = 2**127 - 1, -(2**127)


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("end", ["closeCooperative", "finalize"])
def test_deposit__in_front_of_an_end__never_changes_the_peers_payout(
    opened: Duel, side: Side, end: str
) -> None:
    """[ADJ-22] What a state had not seen returns to whoever paid it in."""
    opened.deposit(500)
    split = (300, 1_700)
    if end == "finalize":
        state = opened.operate(2, low=split[0])
        deadline = opened.challenge(state)
    else:
        state = opened.state(Intent.CLOSE, 2, split=split)

    opened.vault.send(
        "depositCollateral",
        opened.definition,
        opened.token.address,
        500,
        sender=opened.definition.broker(side),
    )
    if end == "finalize":
        opened.chain.warp(deadline)
        opened.finalize(state)
    else:
        opened.send(end, state)

    assert opened.ledgers() == (split[0] + 500, split[1] + 500), "ADJ-22"


def test_deposit__into_a_channel_past_its_deadline__is_refused(opened: Duel) -> None:
    """Nothing is added to what is about to be paid out."""
    opened.deposit(10)
    opened.chain.warp(opened.challenge(opened.operate(2)))

    with refused("DeadlinePassed"):
        pay_in(opened, 10)


def pay_in(duel: Duel, amount: int) -> None:
    """Low adds to its side."""
    token = duel.token.address
    duel.vault.send("depositCollateral", duel.definition, token, amount, sender=duel.low)


def test_deposit__for_the_peer_by_an_outsider__is_refused(opened: Duel) -> None:
    opened.deposit(10, opened.low)
    with opened.chain.isolated():
        pay_in(opened, 10)
    with refused("NotBroker", opened.outsider):
        opened.vault.send(
            "depositCollateral",
            opened.definition,
            opened.token.address,
            10,
            sender=opened.outsider,
        )


def test_donation__is_nobodys(opened: Duel) -> None:
    """[ADJ-01] Tokens sent to the vault enter no ledger, no net, and no later check by balance."""
    opened.token.send("transfer", opened.vault.address, 777, sender=opened.high)
    assert opened.ledgers() == (0, 0)

    opened.deposit(100)
    opened.send("closeCooperative", opened.state(Intent.CLOSE, 2))

    assert opened.ledgers() == (STAKE + 100, STAKE + 100)
    assert opened.held() == 2 * (STAKE + 100) + 777, "ADJ-01"


def test_donation__cannot_stand_for_a_deposit(duel: Duel) -> None:
    """Inflating the vault's balance in front of a deposit pays for nothing."""
    duel.token.send("approve", duel.vault.address, 0, sender=duel.high)
    duel.token.send("transfer", duel.vault.address, 500, sender=duel.high)

    only_refused_for(
        duel,
        ("ERC20InsufficientAllowance",),
        honest=lambda: duel.deposit(500, duel.low),
        attack=lambda: duel.deposit(500, duel.high),
    )


def test_cap__approached_by_steps__is_not_passed(duel: Duel) -> None:
    """The launch cap counts a side's whole net of a channel, however it came there."""
    d = duel.deployment
    tight = d.chain.deploy("MockERC20", "TIGHT", "TIGHT", 6, sender=d.roles.deployer)
    d.adjudicator.send("raiseCap", tight.address, STAKE + 5, sender=d.roles.timelock)
    for broker in (duel.low, duel.high):
        tight.send("mint", broker, 10 * STAKE, sender=broker)
        tight.send("approve", d.adjudicator.address, 10 * STAKE, sender=broker)
    capped = Duel(d, replace(duel.definition, assets=(tight.address,)))
    over = capped.state(Intent.OPEN, 1, nets=(STAKE, STAKE + 6))
    with refused("CapExceeded", tight.address, STAKE + 6, STAKE + 5):
        capped.send("open", over)
    capped.open()
    d.adjudicator.send("deposit", tight.address, STAKE, sender=duel.low)

    add = [capped.definition, tight.address]
    d.adjudicator.send("depositCollateral", *add, 5, sender=duel.low)
    with refused("CapExceeded", tight.address, STAKE + 6, STAKE + 5):
        d.adjudicator.send("depositCollateral", *add, 1, sender=duel.low)


def test_assets__named_twice__are_refused() -> None:
    """One deposit must not count for two assets."""
    duel = duel_over("MockERC20", "NoReturnToken")
    first, second = duel.definition.assets
    for assets in ((first, first), (second, first), (first, second, second)):
        twice = duel.again(assets=assets)
        only_refused_for(
            duel, ("AssetsNotAscending",), honest=duel.open, attack=lambda t=twice: t.open()
        )


def test_opening__with_a_split_that_is_not_its_nets__is_refused(duel: Duel) -> None:
    """Nobody opens a channel in which he owns what the peer pays in."""
    for nets, split in (((STAKE, STAKE), (2 * STAKE, 0)), ((STAKE, -STAKE), (0, 0))):
        hostile = duel.state(Intent.OPEN, 1, nets=nets, split=split)
        only_refused_for(
            duel,
            ("BadOpening", 0),
            honest=duel.open,
            attack=lambda s=hostile: duel.send("open", s),
        )


def test_state__that_counts_on_more_than_there_is__is_refused(opened: Duel) -> None:
    """[ADJ-01] Colluding brokers cannot sign other people's money into their split."""
    other = opened.again(nonce=1)
    other.open()  # the vault now holds as much again
    greedy = opened.state(Intent.OPERATE, 2, nets=(2 * STAKE, STAKE), split=(3 * STAKE, 0))
    for function in ("checkpoint", "challenge"):
        only_refused_for(
            opened,
            ("Unenforceable", 0),
            honest=lambda f=function: opened.send(f, opened.operate(2), by=opened.low),
            attack=lambda f=function: opened.send(f, greedy, by=opened.low),
        )
    close = replace(greedy, intent=Intent.CLOSE, valid_until=opened.now + 9)
    with refused("Unenforceable", 0):
        opened.send("closeCooperative", close)


@pytest.mark.parametrize(
    ("nets", "split", "error"),
    [
        ((MAX_NET, MAX_NET), (2 * MAX_NET, 0), "Unenforceable"),
        ((MAX_NET, -MAX_NET), (0, 0), "Unenforceable"),
        ((MAX_NET, MIN_NET), (2**128 - 1, 0), "NotConserved"),
        ((MIN_NET, MIN_NET), (0, 0), "NotConserved"),
    ],
)
def test_state__with_the_widest_nets__moves_no_more_than_is_held(
    opened: Duel, nets: tuple[int, int], split: tuple[int, int], error: str
) -> None:
    """[ADJ-01] Sums of extremes do not wrap around into somebody's payout."""
    wide = opened.state(Intent.OPERATE, 2, nets=nets, split=split)
    for function in ("checkpoint", "challenge"):
        only_refused_for(
            opened,
            (error, 0),
            honest=lambda f=function: opened.send(f, opened.operate(2), by=opened.low),
            attack=lambda f=function: opened.send(f, wide, by=opened.low),
        )


def test_state__that_counts_on_debts__pays_what_is_held(opened: Duel) -> None:
    """[ADJ-02] Whatever nets colluding brokers sign, the payouts are what is held."""
    least = opened.state(Intent.OPERATE, 2, nets=(MIN_NET, -MIN_NET - 1), split=(0, 0))
    with refused("NotConserved", 0):
        opened.challenge(least)
    owing = opened.state(Intent.OPERATE, 2, nets=(-STAKE, STAKE), split=(0, 0))
    opened.chain.warp(opened.challenge(owing))
    opened.finalize(owing)

    assert opened.ledgers() == (2 * STAKE, 0), "ADJ-02"


def test_slots__taken_by_an_outsider__is_refused(duel: Duel) -> None:
    """[REG-03] Without the brokers' named keys nobody fills their slots, nor at the registry."""
    registry = duel.deployment.registry
    low, high = duel.deployment.roles.low, duel.deployment.roles.high
    seats = (low.address, low.signer.address, high.address, high.signer.address)
    for function, arguments in (
        ("take_slots", seats),
        ("release_slots", (low.address, high.address)),
    ):
        with refused("registry: only the adjudicator"):
            registry.send(function, *arguments, sender=duel.outsider)

    duel.open(by=duel.outsider)

    assert registry.read("slots_used", low.address) == 1, "REG-01"


def test_slots__exhausted_by_the_brokers_themselves__bind_only_them(duel: Duel) -> None:
    """[REG-01] Four channels fill a lot; the fifth is refused; an end gives the slot back."""
    channels = [duel.again(nonce=nonce) for nonce in range(5)]
    for channel in channels[:4]:
        channel.open()

    with refused("NoSlot", duel.low):
        channels[4].open()

    channels[0].send("closeCooperative", channels[0].state(Intent.CLOSE, 2))
    channels[4].open()


def test_registry__griefed_by_dust__keeps_every_slot(duel: Duel) -> None:
    """An outsider who stakes, or sends YELLOW to the registry, changes nobody's slots."""
    d = duel.deployment
    before = d.registry.read("slots_of", duel.low)
    with refused("registry: zero amount"):
        d.registry.send("stake", 0, sender=duel.outsider)
    with refused("ERC20InsufficientAllowance"):
        d.registry.send("stake", 1, sender=duel.outsider)

    assert d.registry.read("slots_of", duel.low) == before == 4
    duel.open()


def test_stake__leaving_under_open_channels__is_refused(opened: Duel) -> None:
    """[REG-02] Stake does not leave below what is in use, and never within 30 days."""
    registry = opened.deployment.registry
    with refused("registry: slots in use"):
        registry.send("request_unstake", LOT, sender=opened.low)

    opened.send("closeCooperative", opened.state(Intent.CLOSE, 2))
    registry.send("request_unstake", LOT, sender=opened.low)

    with refused("registry: still locked"):
        registry.send("complete_unstake", sender=opened.low)
    opened.chain.warp(opened.now + 30 * 86_400)
    registry.send("complete_unstake", sender=opened.low)
    opened.epoch = 1
    with refused("NoSlot", opened.low):
        opened.open()


def test_channel_of_an_unstaked_broker__can_always_end(opened: Duel) -> None:
    """Losing the right to open never locks collateral in."""
    registry = opened.deployment.registry
    registry.send("set_signer", key_of("new").address, sender=opened.low)
    opened.send("closeCooperative", opened.state(Intent.CLOSE, 2))
    assert opened.status == Status.IDLE


def test_open__with_the_same_broker_twice__is_refused(duel: Duel) -> None:
    """A broker against itself would hold one slot for two."""
    alone = duel.again(broker_high=duel.low)
    with refused("BrokersNotAscending", duel.low, duel.low):
        alone.open()
    duel.open()


def test_open__for_a_broker_without_allowance__takes_nothing_from_the_other(duel: Duel) -> None:
    """All is pulled or nothing: a peer who withdraws his approval wastes only gas."""
    duel.token.send("approve", duel.vault.address, 0, sender=duel.high)
    before = duel.token.read("balanceOf", duel.low)

    with refused("ERC20InsufficientAllowance"):
        duel.open()

    assert duel.token.read("balanceOf", duel.low) == before
    duel.token.send("approve", duel.vault.address, STAKE, sender=duel.high)
    duel.open()


def test_ledger__of_another__is_out_of_reach(opened: Duel) -> None:
    """[ADJ-16] No function moves a ledger for a caller who is not its owner."""
    opened.deposit(STAKE, opened.high)
    token = opened.token.address
    with refused("InsufficientBalance", opened.low, token, 0, 1):
        opened.vault.send("withdraw", token, 1, opened.low, sender=opened.low)
    with refused("NotSelf", opened.low):
        opened.vault.send("pushTransfer", token, opened.low, 1, sender=opened.low)
    for to in (Address(bytes(20)), opened.vault.address):
        with refused("BadRecipient", to):
            opened.vault.send("withdraw", token, 1, to, sender=opened.high)

    opened.vault.send("withdraw", token, STAKE, opened.high, sender=opened.high)
