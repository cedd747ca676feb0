"""What the perpetual swaps cost: collateral, trades, signed orders, liquidation, upkeep, health.

One market, two price sources that agree, a sequencer feed; funding has been charged before, so no
index is zero, and every trade pays its fee and speaks of the premium. The oracle is as in
oracle_meters.py: nothing of it was touched before in the transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from clearing.chain.contract import Contract
from clearing.channel.codec import (
    DERIVATIVES_NAME,
    domain_separator,
    hash_perp_order,
    signing_digest,
)
from clearing.channel.perp_batch import Match, SignedFill, pack
from clearing.channel.signatures import LocalSigner
from clearing.spec.oracle_types import Purpose
from clearing.spec.perp_orders import REACH, SLOTS, TICK, Order
from clearing.spec.units import WAD, Address
from tests.gas.meter import meter
from tests.gas.oracle_meters import FEED, Market
from tests.gas.rig import BLOCK_S, Scene, secret_of
from tests.harness.perp import INSURANCE, LIMIT, LOT, RAW, RISK, TRADE, VAULT

__all__: list[str] = []

ETH: Final = 0
FIRST_ID: Final = 4
"""Of accounts that somebody owns."""
DECIMALS: Final = 6
VAULT_ROLE: Final = 1
SETTLER_ROLE: Final = 2
RISK_ROLE: Final = 3
ADMIN_ROLE: Final = 6
FAR_S: Final = 2**40
DEAR_WAD: Final = 10**9 * WAD
FUNDS_RAW: Final = 10_000_000 * RAW
AMOUNT_RAW: Final = 1_234 * RAW + 567_891
MOVER_LOTS: Final = 500 * LOT
"""Half a percent of the skew scale: what the premium is made of."""
SIZE_LOTS: Final = 2 * LOT + 34_567_891
LEVERED_RAW: Final = 800 * RAW
"""Just above the initial margin of SIZE_LOTS."""
FALLEN: Final = (2_860_34567891, 2_860_76543219)
"""Chainlink and Pyth, 1e-8 USD, 5 % lower: a levered account is liquidated in part."""
BATCH: Final = 50
NORMAL: Final = 1
L2_BLOCK_S: Final = 2
"""From the answers to the transaction that reads them: Pyth's may be 4 s old for an opening."""
HOUR_S: Final = 3_600
CHAIN_ID: Final = 31_337
MID_TICKS: Final = 3_012_3456
"""Of 1e-4 USD: what signed orders trade around."""
SPREAD_TICKS: Final = 1_7301
"""From a maker's price to the next one's."""
SIZE_STEP_LOTS: Final = 10**5
"""Signed sizes count in thousandths of a unit."""
NONCE: Final = 2**17


@dataclass
class Swaps:
    """Ledger and modules over one market that has charged funding; the vault is funded."""

    scene: Scene
    prices: Market
    token: Contract
    engine: Contract
    vault: Contract
    risk: Contract
    accounts: int = FIRST_ID

    @classmethod
    def new(cls, scene: Scene) -> Swaps:
        """Deploy all of it, let one trader move the premium, and let an hour pass."""
        roles = scene.rig.roles
        timelock = roles["timelock"]
        prices = Market.new(scene)
        prices.delivery_s = 0
        token = scene.create("MockERC20", "USD Coin", "USDC", DECIMALS)
        parties = (prices.oracle.address, timelock, roles["guardian"])
        engine = scene.create("DerivativesEngine", token.address, *parties)
        admin = scene.create("MarketAdmin", engine.address, scene.create("MarketBounds").address)
        vault = scene.create("VaultModule", engine.address)
        risk = scene.create("RiskManager", engine.address)
        for role, module in ((VAULT_ROLE, vault), (RISK_ROLE, risk), (ADMIN_ROLE, admin)):
            scene.send(engine, "setModule", role, module.address, sender=timelock)
        terms = (tuple(RISK.values()), tuple(TRADE.values()), tuple(LIMIT.values()))
        scene.send(admin, "addMarket", ETH, FEED, *terms, sender=timelock)
        swaps = cls(scene, prices, token, engine, vault, risk)
        for each in (VAULT, INSURANCE):
            swaps.deposit(each, FUNDS_RAW)
        scene.send(vault, "takeNav", sender=roles["outsider"])

        mover = swaps.account(FUNDS_RAW)
        swaps.trade(mover, MOVER_LOTS)
        swaps.pass_hour()
        swaps.trade(mover, MOVER_LOTS)
        swaps.hear()
        return swaps

    @property
    def owner(self) -> Address:
        """Whoever owns every account but the liquidator's."""
        return self.scene.rig.low.address

    def hear(self) -> None:
        """Let both sources answer anew; the next transaction finds them NORMAL and fresh."""
        self.prices.hear()
        self.scene.now -= BLOCK_S - L2_BLOCK_S
        quote = self.prices.oracle.call("peekQuote", FEED)
        assert quote[-2] == NORMAL, "both sources agree"
        assert not quote[-3], "Pyth is good enough for opening"

    def pass_hour(self) -> None:
        """Let a funding interval end, and charge it."""
        self.scene.wait(HOUR_S)
        self.hear()
        self.tick()
        self.hear()

    def tick(self) -> int:
        """Charge what is due; return the gas."""
        return self.scene.send(
            self.engine, "tickFunding", ETH, sender=self.scene.rig.roles["outsider"]
        )

    def deposit(self, account: int, amount_raw: int, *, sender: Address | None = None) -> int:
        """Bring fresh collateral, approved exactly; return the gas of the deposit alone."""
        by = sender or self.owner
        self.scene.send(self.token, "mint", by, 2 * amount_raw, sender=by)
        self.scene.send(self.token, "approve", self.engine.address, amount_raw, sender=by)
        return self.scene.send(self.engine, "deposit", account, amount_raw, sender=by)

    def account(self, amount_raw: int, *, owner: Address | None = None) -> int:
        """Make an account with collateral."""
        by = owner or self.owner
        self.scene.send(self.engine, "createAccount", sender=by)
        self.accounts += 1
        self.deposit(self.accounts - 1, amount_raw, sender=by)
        return self.accounts - 1

    def trade(self, account: int, lots: int, *, owner: Address | None = None) -> int:
        """Trade against the vault at any price, after fresh answers; return the gas."""
        self.hear()
        limit = DEAR_WAD if lots > 0 else 0
        args = (account, ETH, lots, limit, FAR_S)
        return self.scene.send(self.vault, "trade", *args, sender=owner or self.owner)

    def levered(self, count: int) -> list[int]:
        """Make accounts that hold a position with hardly more than its initial margin."""
        accounts = [self.account(LEVERED_RAW) for _ in range(count)]
        for account in accounts:
            self.trade(account, SIZE_LOTS)
        return accounts

    def liquidator(self) -> int:
        """Make the account that takes over; it holds a position already."""
        owner = self.scene.rig.high.address
        account = self.account(FUNDS_RAW, owner=owner)
        self.trade(account, SIZE_LOTS, owner=owner)
        return account

    def fall(self) -> None:
        """Let a funding interval pass and both sources answer 5 % lower."""
        self.pass_hour()
        self.prices.primary_e8, self.prices.guard_e8 = FALLEN
        self.hear()


@meter(
    "perp.deposit",
    "USDC, approved exactly, into an account that has cash; the engine holds the token",
)
def deposit(scene: Scene) -> int:
    swaps = Swaps.new(scene)
    return swaps.deposit(swaps.account(FUNDS_RAW), AMOUNT_RAW)


@meter("perp.withdraw", "as perp.deposit, from an account without positions; cash remains")
def withdraw(scene: Scene) -> int:
    swaps = Swaps.new(scene)
    account = swaps.account(FUNDS_RAW)
    owner = swaps.owner
    return scene.send(swaps.engine, "withdraw", account, AMOUNT_RAW, owner, sender=owner)


@meter(
    "perp.open",
    "against the vault; the account's first position in the only market, NORMAL with a sequencer "
    "feed, non-zero funding index, fee and premium on, oracle cold",
)
def open_position(scene: Scene) -> int:
    swaps = Swaps.new(scene)
    return swaps.trade(swaps.account(FUNDS_RAW), SIZE_LOTS)


@meter("perp.increase", "as perp.open, the same again; funding has been charged since")
def increase(scene: Scene) -> int:
    swaps = Swaps.new(scene)
    account = swaps.account(FUNDS_RAW)
    swaps.trade(account, SIZE_LOTS)
    swaps.pass_hour()
    return swaps.trade(account, SIZE_LOTS)


@meter("perp.close", "as perp.increase, all of the position")
def close(scene: Scene) -> int:
    swaps = Swaps.new(scene)
    account = swaps.account(FUNDS_RAW)
    swaps.trade(account, SIZE_LOTS)
    swaps.pass_hour()
    swaps.hear()
    args = (account, ETH, 0, FAR_S)
    return scene.send(swaps.vault, "close", *args, sender=swaps.owner)


@meter("perp.decrease", "as perp.increase, half of the position")
def decrease(scene: Scene) -> int:
    swaps = Swaps.new(scene)
    account = swaps.account(FUNDS_RAW)
    swaps.trade(account, SIZE_LOTS)
    swaps.pass_hour()
    return swaps.trade(account, -SIZE_LOTS // 2)


@meter(
    "perp.liquidate.single",
    "a part of the only position of an account; the liquidator holds a position in the market, "
    "insurance has cash; prices and funding as for perp.open",
)
def liquidate(scene: Scene) -> int:
    swaps = Swaps.new(scene)
    liquidator = swaps.liquidator()
    (account,) = swaps.levered(1)
    swaps.fall()
    args = (account, ETH, liquidator)
    return scene.send(swaps.risk, "liquidate", *args, sender=scene.rig.high.address)


def levered_batch(scene: Scene) -> tuple[Swaps, list[int], int]:
    """Return 50 accounts that can be liquidated in part, and who can take over."""
    swaps = Swaps.new(scene)
    liquidator = swaps.liquidator()
    accounts = swaps.levered(BATCH)
    swaps.fall()
    return swaps, accounts, liquidator


@meter(
    "perp.liquidate.batch50", "as perp.liquidate.single, 50 accounts: the gas of each, rounded up"
)
def liquidate_batch(scene: Scene) -> int:
    swaps, accounts, liquidator = levered_batch(scene)
    args = (accounts, ETH, liquidator)
    receipt = scene.receipt(swaps.risk, "liquidateBatch", *args, sender=scene.rig.high.address)
    return -(-receipt.gas_used // BATCH)


@meter(
    "perp.tickFunding",
    "one interval is over, the premium in it was not zero; indices exist; oracle cold",
)
def tick_funding(scene: Scene) -> int:
    swaps = Swaps.new(scene)
    scene.wait(HOUR_S)
    swaps.hear()
    return swaps.tick()


@meter(
    "perp.healthBatch",
    "healthsOf 50 accounts with a position each, inside a contract's call, oracle cold: the gas "
    "of each, rounded up",
)
def health_batch(scene: Scene) -> int:
    swaps, accounts, _ = levered_batch(scene)
    asker = scene.create("HostileAccount")
    question = swaps.engine.transact("healthsOf", accounts, Purpose.LIQUIDATE).data
    calls = [(swaps.engine.address, 0, question)]
    scene.send(asker, "execute", calls, sender=scene.rig.roles["outsider"])
    (used,) = scene.calls_of(scene.sent[-1])
    return -(-used // BATCH)


@dataclass
class Matching:
    """The settler beside the rest; the low broker owns who buys, the high one who sells."""

    swaps: Swaps
    settler: Contract
    batches: int = 0

    @classmethod
    def new(cls, scene: Scene) -> Matching:
        """Deploy the settler beside the rest."""
        swaps, roles = Swaps.new(scene), scene.rig.roles
        settler = scene.create("MatchSettler", swaps.engine.address, roles["outsider"])
        setting = (SETTLER_ROLE, settler.address)
        scene.send(swaps.engine, "setModule", *setting, sender=roles["timelock"])
        return cls(swaps, settler)

    def buyers(self, count: int) -> list[int]:
        """Make accounts of the low broker."""
        return [self.swaps.account(FUNDS_RAW) for _ in range(count)]

    def sellers(self, count: int) -> list[int]:
        """Make accounts of the high broker."""
        owner = self.swaps.scene.rig.high.address
        return [self.swaps.account(FUNDS_RAW, owner=owner) for _ in range(count)]

    def signed(self, account: int, lots: int, ticks: int) -> SignedFill:
        """Sign an order that is filled whole; each batch uses the slot of the one before again."""
        scene = self.swaps.scene
        owner = self.swaps.owner if lots > 0 else scene.rig.high.address
        (role,) = (role for role, known in scene.rig.roles.items() if known == owner)
        nonce = (NONCE + 7_919 * account) % (REACH // 2) + SLOTS * self.batches
        expiry = scene.now + HOUR_S + account * 60
        order = Order(account, ETH, lots, ticks * TICK, TRADE["takerFee"], expiry, nonce)
        separator = domain_separator(CHAIN_ID, self.settler.address, DERIVATIVES_NAME)
        digest = signing_digest(separator, hash_perp_order(order))
        return SignedFill(order, LocalSigner(secret_of(role)).sign(digest), abs(lots))

    def match(self, taker: int, makers: Sequence[int]) -> Match:
        """Sign what makers sell to a taker, each at its own price and size."""
        sizes = [SIZE_STEP_LOTS * (1_234 + 57 * account) for account in makers]
        prices = [MID_TICKS + SPREAD_TICKS * (index % 9 - 4) for index in range(len(makers))]
        return Match(
            self.signed(taker, sum(sizes), max(prices) + SPREAD_TICKS),
            tuple(map(self.signed, makers, [-lots for lots in sizes], prices)),
        )

    def settle(self, groups: Sequence[tuple[int, Sequence[int]]]) -> int:
        """Settle one batch after fresh answers; return the gas. No group may be skipped."""
        matches = [self.match(*group) for group in groups]
        self.batches += 1
        self.swaps.hear()
        scene = self.swaps.scene
        bringer = scene.rig.roles["outsider"]
        batch = pack(self.batches, matches)
        receipt = scene.receipt(self.settler, "settlePacked", batch, sender=bringer)
        told = [each.name for each in self.settler.happened(receipt.logs)]
        assert "FillSkipped" not in told, "every group settles"
        return receipt.gas_used

    def settle_again(self, groups: Sequence[tuple[int, Sequence[int]]]) -> int:
        """Settle a batch, let a funding interval pass, settle the like; return its gas."""
        self.settle(groups)
        self.swaps.pass_hour()
        return self.settle(groups)


@meter(
    "perp.fill.single",
    "a packed batch of one taker and one maker, both filled whole and signed by the owners; both "
    "hold a position in the only market and increase it, funding has been charged since; the "
    "settler has kept the owners, nonces use slots again; a premium sample; oracle cold",
)
def fill_single(scene: Scene) -> int:
    matching = Matching.new(scene)
    (buyer,), (seller,) = matching.buyers(1), matching.sellers(1)
    return matching.settle_again([(buyer, [seller])])


@meter(
    "perp.fill.batch50",
    "as perp.fill.single, 50 groups of one maker each, 100 accounts: the gas of each fill, rounded "
    "up",
)
def fill_batch(scene: Scene) -> int:
    matching = Matching.new(scene)
    buyers, sellers = matching.buyers(BATCH), matching.sellers(BATCH)
    pairs = [(buyer, [seller]) for buyer, seller in zip(buyers, sellers, strict=True)]
    return -(-matching.settle_again(pairs) // BATCH)


@meter(
    "perp.fill.taker50",
    "as perp.fill.single, one taker who meets 50 makers, an account each: the gas of each fill, "
    "rounded up",
)
def fill_taker(scene: Scene) -> int:
    matching = Matching.new(scene)
    (buyer,), sellers = matching.buyers(1), matching.sellers(BATCH)
    return -(-matching.settle_again([(buyer, sellers)]) // BATCH)
