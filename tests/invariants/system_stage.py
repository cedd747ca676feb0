"""The whole protocol as the deployment plan makes it, on one embedded chain, with people in it.

The plan of `clearing.deploy` is carried out call by call: nineteen contracts, the timelock's first
settings, the deployer's renunciation. Only what lies outside is replaced, at its own address:
Chainlink's aggregators by puppets, Pyth by its mock, USDC by a token that calls whom the adversary
wants whenever it moves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from clearing.chain.artifacts import load
from clearing.chain.contract import as_address
from clearing.chain.params import Parameters, read_parameters
from clearing.channel.codec import DERIVATIVES_NAME, domain_separator
from clearing.channel.signatures import LocalSigner
from clearing.deploy.plan import Facts, Plan, make_plan
from clearing.spec.units import DAY_S, WAD, Address
from tests.harness.actors import Broker, key_of
from tests.harness.contract import Contract
from tests.harness.oracle import DECIMALS, DESCRIPTION, ROUND, round_of, saying, text
from tests.harness.puppet import Puppet, words
from tests.harness.revm import CHAIN_ID, Revm, text_of

__all__ = [
    "ARTIFACTS",
    "FEEDS",
    "FEED_OF",
    "LOT",
    "MARKETS",
    "PRICES_E8",
    "RAW",
    "RICHES",
    "TRADERS",
    "UNLIMITED",
    "Rogues",
    "Stage",
    "stage",
]

RAW: Final = 10**6
"""Raw units of USDC in one USD."""
LOT: Final = 250_000 * WAD
"""Raw YELLOW of four slots."""
RICHES: Final = 10**6 * RAW
"""USDC that each broker, trader and lender starts with."""
UNLIMITED: Final = 2**256 - 1
MARKETS: Final = (0, 1)
FEED_OF: Final = (0, 1, 0)
"""The feed of each market; a third one, on the first one's feed, is there when it is voted in."""
FEEDS: Final = (b"ETH/USD".ljust(16, b"\0"), b"BTC/USD".ljust(16, b"\0"))
PRICES_E8: Final = (3_000 * 10**8, 50_000 * 10**8)
E8: Final = 8
SURENESS: Final = 10_000
TRADERS: Final = 4
LENDERS: Final = 2
ETHER: Final = 10**24
CALL_GAS: Final = 20_000_000
SECOND_TOKEN: Final = "EURC"
"""A token that stands on the chain and that only a vote can list."""
VOTES: Final = 60 * 10**6 * WAD
"""Raw YELLOW of the outsider: enough to propose, by far not enough to pass."""
UNSTAKE_S: Final = 30 * DAY_S
ARTIFACTS: Final[Mapping[str, str]] = {
    "Yellow": "YellowToken",
    "USDC": "ReentrantToken",
    "EURC": "MockERC20",
    "Pyth": "MockPyth",
    "HostileAccount": "HostileAccount",
    **{
        name: name
        for name in (
            "ProtocolTimelock",
            "ProposalTypes",
            "ProtocolGovernor",
            "PauseGuardian",
            "BrokerRegistry",
            "Adjudicator",
            "HashTimeLock",
            "PriceOracle",
            "DerivativesEngine",
            "MarketBounds",
            "MarketAdmin",
            "VaultModule",
            "MatchSettler",
            "RiskManager",
            "InsuranceFund",
            "ResolutionModule",
            "SettlementModule",
            "PerpLens",
        )
    },
}
"""What stands behind each name of the stage."""


@dataclass(frozen=True)
class Rogues:
    """Who is not honest: keys, an account of the engine, a contract that makes several calls."""

    outsider: LocalSigner
    former: Broker
    """Was a broker, and has taken its stake back."""
    rogue: Broker
    account: int
    """The outsider's account of the engine."""
    shell: Contract
    """Anybody's: whoever calls it acts as it. It has an account of the engine, too."""

    @property
    def senders(self) -> tuple[Address, ...]:
        """Whom the adversary's transactions come from."""
        keys = (self.former.account, self.rogue.account, self.rogue.signer, self.former.signer)
        mine = self.outsider.address
        return (mine, mine, mine, *(key.address for key in keys))

    @property
    def addresses(self) -> tuple[Address, ...]:
        """All of them, the shell included."""
        return (*dict.fromkeys(self.senders), self.shell.address)


@dataclass(frozen=True)
class Stage:
    """What stands on the chain and who is there; whoever plays on it undoes what it did."""

    chain: Revm
    contracts: Mapping[str, Contract]
    """By the name that the plan knows them by, and `USDC`, `EURC` and `Pyth`."""
    puppets: tuple[Puppet, ...]
    pyth_ids: tuple[bytes, ...]
    brokers: tuple[Broker, ...]
    """Two honest ones, ascending by address, and the rogue."""
    traders: tuple[tuple[LocalSigner, int], ...]
    """Owners and accounts of the engine: traders, then lenders, then a keeper."""
    roles: Mapping[str, LocalSigner]
    separators: Mapping[str, bytes]
    rogues: Rogues

    def __getitem__(self, name: str) -> Contract:
        return self.contracts[name]

    def says(self, market: int, price_e8: int, *, primary_e8: int | None = None) -> None:
        """Let both sources of a market say a price now; Chainlink another one if it is given."""
        feed = FEED_OF[market]
        first = price_e8 if primary_e8 is None else primary_e8
        self.puppets[feed].says(ROUND, round_of(first, self.chain.now).data)
        update = self.update(market, price_e8)
        self["Pyth"].send("updatePriceFeeds", [update], sender=self.roles["anybody"].address)

    def update(self, market: int, price_e8: int) -> bytes:
        """Return what Pyth's signers say of a market now."""
        now, conf = self.chain.now, price_e8 // SURENESS
        head = words(32, 1, int.from_bytes(self.pyth_ids[FEED_OF[market]], "big"))
        return head + words(price_e8, conf, -E8, now, now - 1, price_e8, conf)


@cache
def stage() -> Stage:
    """Return the one stage of this process."""
    chain = Revm()
    parameters = read_parameters("optimism-sepolia")
    oracle = parameters.protocol.oracle
    outside = _plant(chain, parameters)
    puppets = tuple(Puppet(chain, as_address(feed.aggregator)) for feed in oracle.feeds)
    for puppet, feed in zip(puppets, oracle.feeds, strict=True):
        puppet.says(DECIMALS, saying(feed.decimals).data)
        puppet.says(DESCRIPTION, text(feed.name).data)

    deployer = key_of("deployer")
    roles = {name: key_of(f"system: {name}") for name in parameters.roles}
    roles["anybody"] = key_of("system: anybody")
    named = {name: key.address for name, key in roles.items()}
    plan = make_plan(parameters, Facts(deployer.address, 0, chain.now, named))
    contracts = {**outside, **_create(chain, plan)}
    shell = chain.deploy("HostileAccount", sender=key_of("rogue broker").address)
    contracts["HostileAccount"] = shell
    brokers = _brokers()
    rogues = Rogues(
        outsider=key_of("system: outsider"),
        former=Broker(key_of("former broker"), key_of("former signer")),
        rogue=brokers[-1],
        account=0,
        shell=shell,
    )
    bare = Stage(
        chain=chain,
        contracts=contracts,
        puppets=puppets,
        pyth_ids=tuple(bytes.fromhex(feed.pyth_id[2:]) for feed in oracle.feeds),
        brokers=brokers,
        rogues=rogues,
        traders=(),
        roles=roles,
        separators={
            "Adjudicator": domain_separator(CHAIN_ID, contracts["Adjudicator"].address),
            "MatchSettler": domain_separator(
                CHAIN_ID, contracts["MatchSettler"].address, DERIVATIVES_NAME
            ),
        },
    )
    _carry_out(bare, plan)
    return _people(bare)


# WHAT LIES OUTSIDE


def _plant(chain: Revm, parameters: Parameters) -> dict[str, Contract]:
    """Put the mocks at the addresses that the parameters name."""
    (usdc,) = parameters.tokens
    pyth = as_address(parameters.protocol.oracle.pyth.value)
    assert usdc.address is not None
    mint = key_of("issuer").address
    second = chain.deploy("MockERC20", SECOND_TOKEN, SECOND_TOKEN, 6, sender=mint)
    return {
        "USDC": _copy(chain, as_address(usdc.address), "ReentrantToken", "USDC", "USDC", 6),
        "Pyth": _copy(chain, pyth, "MockPyth", 0, 0),
        SECOND_TOKEN: second,
    }


def _copy(chain: Revm, to: Address, name: str, *args: Any) -> Contract:
    """Make a mock and let its code stand at another address, its storage empty there."""
    made = chain.deploy(name, *args, sender=key_of("issuer").address)
    code = chain.evm.get_code(text_of(made.address))
    assert code is not None
    chain.set_code(to, bytes(code))
    return chain.at(to, load(name).abi)


# THE PLAN


def _create(chain: Revm, plan: Plan) -> dict[str, Contract]:
    made = {}
    for create in plan.creates:
        at = Address(
            bytes.fromhex(chain.evm.deploy(text_of(plan.facts.deployer), plan.initcode(create))[2:])
        )
        chain.evm.reset_transient_storage()
        assert at == plan.known[create.role], create.role
        made[create.role] = chain.at(at, load(create.contract).abi)
    return made


def _carry_out(bare: Stage, plan: Plan) -> None:
    """Make the plan's calls, waiting where the timelock wants it."""
    chain, waited = bare.chain, False
    delay = bare["ProtocolTimelock"].read("getMinDelay")
    for send in plan.sends:
        if send.is_timelocked and not waited:
            chain.warp(chain.now + delay)
            waited = True
        if send.needs_prices:
            for market in MARKETS:
                bare.says(market, PRICES_E8[market])
        order = send.order
        call = bare[order.role].call(order.method, len(order.args))
        call.send_raw(plan.calldata(order), sender=plan.facts.deployer)


# PEOPLE


def _brokers() -> tuple[Broker, ...]:
    honest = sorted(
        (Broker(key_of(f"broker {i}"), key_of(f"signer {i}")) for i in range(2)),
        key=lambda broker: broker.address,
    )
    return (*honest, Broker(key_of("rogue broker"), key_of("rogue signer")))


def _people(bare: Stage) -> Stage:
    """Give everybody money, stakes, accounts and votes."""
    council = bare.roles["council"].address
    for broker in (*bare.brokers, bare.rogues.former):
        _settle_in(bare, broker)
    bare["Yellow"].send("delegate", council, sender=council)
    former, registry = bare.rogues.former.address, bare["BrokerRegistry"]
    registry.send("request_unstake", LOT, sender=former)
    bare.chain.warp(bare.chain.now + UNSTAKE_S)
    registry.send("complete_unstake", sender=former)

    names = [f"trader {i}" for i in range(TRADERS)] + [f"lender {i}" for i in range(LENDERS)]
    traders = [_join(bare, key_of(f"system: {name}")) for name in (*names, "keeper")]
    engine = bare["DerivativesEngine"]
    keeper, theirs = traders[-1]
    engine.send("deposit", theirs, RICHES // 2, sender=keeper.address)
    for owner, account in traders[TRADERS : TRADERS + LENDERS]:
        engine.send("deposit", account, RICHES // 2, sender=owner.address)
        amount = 500_000 * WAD
        bare["VaultModule"].send("addLiquidity", account, amount, 0, sender=owner.address)
    bare.chain.warp(bare.chain.now + DAY_S)
    bare["VaultModule"].send("takeNav", sender=council)
    rogues = replace(bare.rogues, account=_arm(bare))
    return replace(bare, traders=tuple(traders), rogues=rogues)


def _settle_in(bare: Stage, broker: Broker) -> None:
    """Stake one lot, name the key, hold tokens and approve whoever may pull them."""
    yellow, registry, who = bare["Yellow"], bare["BrokerRegistry"], broker.address
    yellow.send("transfer", who, 2 * LOT, sender=bare.roles["treasury"].address)
    yellow.send("approve", registry.address, UNLIMITED, sender=who)
    registry.send("stake", LOT, sender=who)
    registry.send("set_signer", broker.signer.address, sender=who)
    for token in (bare["USDC"], bare[SECOND_TOKEN]):
        token.send("mint", who, RICHES, sender=who)
    for token in (bare["USDC"], bare[SECOND_TOKEN], yellow):
        for spender in ("Adjudicator", "HashTimeLock"):
            token.send("approve", bare[spender].address, UNLIMITED, sender=who)
    bare.chain.set_balance(who, ETHER)


def _join(bare: Stage, owner: LocalSigner) -> tuple[LocalSigner, int]:
    """Open an account of the engine with collateral."""
    engine, who = bare["DerivativesEngine"], owner.address
    account = engine.send("createAccount", sender=who).output
    bare["USDC"].send("mint", who, RICHES, sender=who)
    bare["USDC"].send("approve", engine.address, UNLIMITED, sender=who)
    engine.send("deposit", account, RICHES // 10, sender=who)
    bare.chain.set_balance(who, ETHER)
    return owner, account


def _arm(bare: Stage) -> int:
    """Give the outsider and the shell money and accounts; return the outsider's."""
    rogues, engine, usdc = bare.rogues, bare["DerivativesEngine"], bare["USDC"]
    _, account = _join(bare, rogues.outsider)
    me, shell = rogues.outsider.address, rogues.shell
    for spender in ("Adjudicator", "HashTimeLock"):
        usdc.send("approve", bare[spender].address, UNLIMITED, sender=me)
    bare["Adjudicator"].send("deposit", usdc.address, RICHES // 10, sender=me)
    treasury = bare.roles["treasury"].address
    bare["Yellow"].send("transfer", me, VOTES, sender=treasury)
    bare["Yellow"].send("delegate", me, sender=me)
    bare["Yellow"].send("approve", bare["BrokerRegistry"].address, UNLIMITED, sender=me)
    usdc.send("mint", shell.address, RICHES, sender=me)
    approve = usdc.call("approve", 2).method.encode(engine.address, UNLIMITED)
    join = engine.call("createAccount", 0).method.encode()
    put_in = engine.call("deposit", 2).method.encode(account + 1, RICHES // 20)
    calls = [(usdc.address, 0, approve), *((engine.address, 0, data) for data in (join, put_in))]
    shell.send("execute", calls, sender=me)
    return int(account)
