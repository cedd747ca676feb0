"""The four kinds of proposals from text to effect, and a pause by several owners that lapses.

Everything is deployed as on OP Sepolia, on an embedded chain of its own; a trader holds a position
all along.
"""

import pytest

from clearing.chain.contract import Contract, as_address
from clearing.chain.deploy import Deployer, predict_address
from clearing.chain.errors import CallRefusedError
from clearing.deploy.stage import key_of, sender_of
from clearing.spec.governance import Kind, State
from clearing.spec.perp_types import Role
from clearing.spec.units import DAY_S, WAD
from tests.harness.governed import run_governed

ETH, BTC, VAULT = 0, 1, 0
TEST_CHAIN = 31_337
LOT = 10**8
RAW = 10**6
TEN = 10 * LOT
FAR = 2**64
RATES = (60_000, 6_000, 400, 200, 100, 4_000, 3_600)
RISK = (50_000, 6_000, 0, 100_000, 12_500, 1_000)
STEEP = (50_000, 6_000, 1_000, 100_000, 12_500, 1_000)
TRADE = (500, 200, 100, 7_500, 10, 2_000, 8)
LIMIT = (4_000, 3_600, 50_000, 10, 10_000 * LOT, 1_000_000, 1_000_000 * LOT)
OWNERS = ("first owner", "second owner", "third owner")
TRADING = (2).to_bytes(32, "big")


@pytest.fixture(scope="module")
def life():
    """The protocol, and a trader who is long 10 ETH. The wallet is where it will be deployed."""
    with run_governed({"pauser": _wallet_address()}) as governed:
        _deploy_wallet(governed)
        usdc = governed.stage.parameters.tokens[0].address
        token = Contract(governed.stage.anvil.node, "MockERC20", as_address(usdc))
        governed.send("trader", "DerivativesEngine", "createAccount")
        for name, account, dollars in (
            ("vault", VAULT, 10_000_000),
            ("trader", account_of(governed), 100_000),
        ):
            sender = sender_of(governed.stage.anvil, name)
            engine = governed.stage.made.address_of("DerivativesEngine")
            sender.send(token.transact("mint", sender.address, dollars * RAW))
            sender.send(token.transact("approve", engine, dollars * RAW))
            governed.send(name, "DerivativesEngine", "deposit", account, dollars * RAW)
        speak(governed)
        governed.send("anybody", "VaultModule", "takeNav")
        trade(governed, TEN)
        yield governed


def _wallet_address():
    """Return where the wallet will stand: its deployer sends nothing else."""
    return predict_address(as_address(key_of("wallet maker").address), 0)


def _deploy_wallet(governed):
    anvil = governed.stage.anvil
    owners = [sender_of(anvil, name).address for name in OWNERS]
    maker = Deployer(anvil.node, sender_of(anvil, "wallet maker"), TEST_CHAIN)
    assert maker.create("wallet", "SharedWallet", owners, 2) == _wallet_address()


def speak(governed):
    """Let the sources say today's prices, and the oracle look."""
    governed.stage.prices.refresh()
    for feed in governed.stage.parameters.protocol.oracle.feeds:
        governed.send("anybody", "PriceOracle", "poke", feed.feed)


def account_of(governed):
    return governed.read("DerivativesEngine", "parameters")[4] - 1


def trade(governed, lots):
    speak(governed)
    limit = 10**9 * WAD if lots > 0 else 0
    account = account_of(governed)
    return governed.send("trader", "VaultModule", "trade", account, ETH, lots, limit, FAR)


def position(governed):
    return governed.read("DerivativesEngine", "sizeOf", account_of(governed), ETH)


def equity(governed):
    """Return what the trader's account is worth at mid, less the funding that has come due."""
    return governed.read("DerivativesEngine", "accountOf", account_of(governed))[1]


def judged(governed, action):
    return governed.at.judge([action])


# PROPOSALS


def test_parameter__ratios_and_fees__are_other_ones_after_nine_days(life):
    action = life.action("MarketAdmin", "setRates", ETH, RATES)
    assert judged(life, action).kind is Kind.PARAMETER
    start = life.at.now

    proposal_id, _ = life.council.pass_([action], life.text("Margin of ETH to 6 %"))

    assert life.at.state(proposal_id) is State.EXECUTED
    assert 9 * DAY_S <= life.at.now - start < 9 * DAY_S + 600
    view = life.read("PerpLens", "markets", ETH, 1)[0]
    assert (view[6][0], view[7][0], view[8][0]) == (60_000, 400, 4_000)
    assert position(life) == TEN


def test_market_addition__a_pair__can_be_traded(life):
    (feed, _) = life.stage.parameters.protocol.oracle.feeds
    terms = (2, feed.feed, RISK, TRADE, LIMIT)
    action = life.action("MarketAdmin", "addMarket", *terms)
    assert judged(life, action).kind is Kind.MARKET_ADDITION
    assert life.read("DerivativesEngine", "parameters")[5] == 2

    life.council.pass_([action], life.text("A second market on ETH"))

    assert life.read("DerivativesEngine", "parameters")[5] == 3
    speak(life)
    account, bound = account_of(life), 10**9 * WAD
    life.send("trader", "VaultModule", "trade", account, 2, LOT, bound, FAR)
    assert life.read("DerivativesEngine", "sizeOf", account, 2) == LOT


def test_risk_configuration__slope_of_the_margin__waits_a_day_more(life):
    action = life.action("MarketAdmin", "setMarket", BTC, STEEP, TRADE, LIMIT)
    assert judged(life, action).kind is Kind.RISK_CONFIGURATION
    text = life.text("Large positions in BTC need more margin")
    proposal_id = life.council.propose([action], text)
    life.council.carry(proposal_id)
    queued_at = life.at.now
    eta = life.at.eta(proposal_id)
    assert 3 * DAY_S <= eta - queued_at + 60 < 3 * DAY_S + 120, "two days and one more"
    life.stage.anvil.travel_to(eta - 60)

    call = life.at.governor.transact("execute", *life.at.find(str(proposal_id)).arguments)
    with pytest.raises(CallRefusedError, match="ProposalNotReady"):
        life.council.anybody.send(call)
    life.council.execute(proposal_id)

    assert life.read("PerpLens", "markets", BTC, 1)[0][6][2] == 1_000
    assert position(life) == TEN


def test_upgrade__a_module__is_another_one_and_positions_are_untouched(life):
    """The new settler is in place; what the trader has is to the wei what it was."""
    anvil = life.stage.anvil
    engine = life.stage.made.address_of("DerivativesEngine")
    settler = sender_of(anvil, "settler").address
    maker = Deployer(anvil.node, sender_of(anvil, "anybody"), life.stage.made.chain.chain_id)
    new = maker.create("MatchSettler", "MatchSettler", engine, settler)
    action = life.action("DerivativesEngine", "setModule", int(Role.SETTLER), new)
    asks = judged(life, action)
    assert (asks.kind, asks.quorum_bps, asks.extra_delay_s) == (Kind.UPGRADE, 800, 5 * DAY_S)
    before = (position(life), equity(life), _stored(life))

    life.council.pass_([action], life.text("A new settler"))

    assert life.read("DerivativesEngine", "moduleOf", int(Role.SETTLER)) == new
    assert (position(life), equity(life), _stored(life)) == before
    trade(life, -LOT)
    assert position(life) == TEN - LOT
    trade(life, LOT)


def _stored(life):
    """Return the packed position, as it is stored."""
    return life.read("DerivativesEngine", "positionOf", account_of(life), ETH)


# PAUSES


def test_pause__two_of_three_owners__stops_openings_until_it_lapses(life):
    """Nobody has to end it: three days later everything goes on."""
    guardian = life.stage.made.address_of("PauseGuardian")
    data = life.stage.contract("PauseGuardian").transact("pause", TRADING, 3 * DAY_S).data
    wallet = Contract(life.stage.anvil.node, "SharedWallet", _wallet_address())
    confirm = wallet.transact("confirm", guardian, data)
    owners = [sender_of(life.stage.anvil, name) for name in OWNERS]

    owners[0].send(confirm)
    trade(life, LOT)
    owners[1].send(confirm)

    with pytest.raises(CallRefusedError, match="Paused"):
        trade(life, LOT)
    trade(life, -LOT)
    assert position(life) == TEN, "who is in gets out"
    until = life.read("PauseGuardian", "ends_at", TRADING)
    life.stage.anvil.travel_to(until)
    trade(life, LOT)
    owners[0].send(confirm)
    with pytest.raises(CallRefusedError, match="CallFailed"):
        owners[1].send(confirm)
    trade(life, -LOT)


def test_pause__one_owner_alone_or_a_stranger__cannot(life):
    with pytest.raises(CallRefusedError, match="pause: not the owner"):
        life.send("first owner", "PauseGuardian", "pause", TRADING, 60)
    wallet = Contract(life.stage.anvil.node, "SharedWallet", _wallet_address())
    stranger = sender_of(life.stage.anvil, "stranger")
    with pytest.raises(CallRefusedError, match="NotOwner"):
        stranger.send(wallet.transact("confirm", stranger.address, b""))
