"""Read everything that a deployment should be again from the chain: parameters, roles, code.

Before: what the parameters name outside exists and answers. After: every contract is what was
recorded, obeys whom it should, and is set as the parameters say; who holds the timelock's roles is
told by its events from the first block on, so that no forgotten role stays unseen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import Any, Final

from clearing.chain.contract import Contract, as_address, as_text
from clearing.chain.deployment import Deployment
from clearing.chain.errors import CallRefusedError, ChainError
from clearing.chain.log_source import log_of
from clearing.chain.node import Node, as_bytes, as_int
from clearing.chain.params import Parameters
from clearing.chain.recipe import MODULES
from clearing.channel.errors import CodecError
from clearing.channel.keccak import keccak256
from clearing.deploy.kinds import KINDS, selector_of
from clearing.deploy.plan import DEPLOYER_ROLES, GOVERNOR_ROLES, role_id
from clearing.spec.units import Address

__all__ = ["Finding", "holders_of", "inspect_deployment", "inspect_network", "require_all"]

SPAN: Final = 10_000
"""Blocks that are asked for at once: what public nodes answer."""
FRESH_S: Final = 3_600


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `problem` is empty if it is as it should be."""

    what: str
    problem: str = ""


# BEFORE


def inspect_network(node: Node, parameters: Parameters) -> Iterator[Finding]:
    """Look at everything outside that the parameters name."""
    chain_id = as_int(node.request("eth_chainId", []))
    fits = chain_id in parameters.chain_ids
    yield Finding("chain id", "" if fits else f"{chain_id}, not one of {parameters.chain_ids}")
    for token in parameters.tokens:
        if token.address is not None:
            want = (token.symbol, token.decimals)
            yield _answers(node, f"token {token.symbol}", "MockERC20", token.address, want)
    if parameters.oracle is None:
        return
    pyth = parameters.oracle.pyth.value
    for feed in parameters.oracle.feeds:
        want = (feed.name, feed.decimals)
        yield _answers(node, f"aggregator {feed.name}", "MockAggregator", feed.aggregator, want)
        yield _knows(node, f"Pyth's {feed.name}", pyth, as_bytes(feed.pyth_id))
        if feed.sequencer is not None:
            yield _has_code(node, f"sequencer feed of {feed.name}", feed.sequencer)


def _answers(node: Node, what: str, artifact: str, at: str, want: tuple[str, int]) -> Finding:
    """Compare what a contract says of itself: its name, and its decimals."""
    missing = _has_code(node, what, at)
    if missing.problem:
        return missing
    contract = Contract(node, artifact, as_address(at))
    named = "symbol" if artifact == "MockERC20" else "description"
    try:
        have = (contract.call(named), contract.call("decimals"))
        if named == "description" and contract.call("latestRoundData")[1] <= 0:
            return Finding(what, f"{at} has no price")
    except (CallRefusedError, CodecError) as error:
        return Finding(what, f"{at} does not answer ({error})")
    return Finding(what, "" if have == want else f"{at} says {have}, not {want}")


def _knows(node: Node, what: str, at: str, id_: bytes) -> Finding:
    missing = _has_code(node, what, at)
    if missing.problem:
        return missing
    try:
        price = Contract(node, "MockPyth", as_address(at)).call("getPriceUnsafe", id_)
    except (CallRefusedError, CodecError) as error:
        return Finding(what, f"{at} does not know 0x{id_.hex()} ({error})")
    now = as_int(node.request("eth_getBlockByNumber", ["latest", False])["timestamp"])
    age = now - price[3]
    return Finding(what, "" if age <= FRESH_S else f"last said {age} s ago: deliver an update")


def _has_code(node: Node, what: str, at: str) -> Finding:
    code = as_bytes(node.request("eth_getCode", [at, "latest"]))
    return Finding(what, "" if code else f"no contract stands at {at}")


# AFTER


def inspect_deployment(
    node: Node, parameters: Parameters, made: Deployment, deployer: Address | None = None
) -> Iterator[Finding]:
    """Look at every contract, setting and role. Raises ChainError if the node does not answer."""
    yield from _code(node, made)
    for what, have, want in _settings(node, parameters, made):
        yield Finding(what, "" if have == want else f"is {_told(have)}, not {_told(want)}")
    yield from _roles(node, made, deployer)


def _code(node: Node, made: Deployment) -> Iterator[Finding]:
    for role, it in made.contracts.items():
        code = as_bytes(node.request("eth_getCode", [it.address, "latest"]))
        same = "0x" + keccak256(code).hex() == it.code_hash
        yield Finding(f"code of {role}", "" if same else "is not what was recorded")


def _settings(
    node: Node, parameters: Parameters, made: Deployment
) -> Iterator[tuple[str, Any, Any]]:
    """Yield what is looked at, what the chain says, and what the parameters say."""
    ask = _Asker(node, made)
    timelock, guardian = made.address_of("ProtocolTimelock"), made.address_of("PauseGuardian")
    yield from _governance(ask, parameters)
    yield "Adjudicator's timelock", ask("Adjudicator", "parameters")[1], timelock
    yield "Adjudicator's guardian", ask("Adjudicator", "parameters")[2], guardian
    yield "BrokerRegistry's Adjudicator", *_same(ask, "BrokerRegistry", "adjudicator", made)
    caps = {"YELLOW": parameters.yellow_cap_raw.value}
    caps |= {token.symbol: token.cap_raw for token in parameters.tokens}
    for symbol, cap in caps.items():
        have = ask("Adjudicator", "capOf", made.address_of(symbol))
        yield f"cap of {symbol}", max(have, cap), have
    swaps = parameters.protocol.swaps
    token, oracle, *obeyed, _, count = ask("DerivativesEngine", "parameters")
    yield "engine's token", token, made.address_of(swaps.collateral.value)
    yield "engine's oracle", oracle, made.address_of("PriceOracle")
    yield "engine's timelock and guardian", obeyed[:2], [timelock, guardian]
    for role, name in MODULES:
        have = ask("DerivativesEngine", "moduleOf", int(role))
        yield f"module {role.name}", have, made.address_of(name)
    yield from _feeds(ask, parameters)
    yield "number of markets", max(count, len(swaps.markets)), count


def _governance(ask: _Asker, parameters: Parameters) -> Iterator[tuple[str, Any, Any]]:
    made, governance = ask.made, parameters.protocol.governance
    governor = "ProtocolGovernor"
    for method, want in (
        ("votingDelay", governance.voting_delay_s.value),
        ("votingPeriod", governance.voting_period_s.value),
        ("lateQuorumVoteExtension", governance.late_extension_s.value),
        ("proposalThreshold", governance.threshold_raw.value),
        ("timelock", made.address_of("ProtocolTimelock")),
        ("token", made.address_of("Yellow")),
        ("TYPES", made.address_of("ProposalTypes")),
    ):
        yield f"governor's {method}", ask(governor, method), want
    delay = ask("ProtocolTimelock", "getMinDelay")
    yield "timelock's delay", delay, governance.timelock_delay_s.value
    for place, asks in enumerate(governance.kinds.values(), start=1):
        have = ask("ProposalTypes", "termsOf", place)
        yield f"what kind {place} asks", tuple(have), astuple(asks.terms)
    for contract, method, kind in KINDS:
        at = made.address_of(contract)
        have = ask("ProposalTypes", "kindOf", at, selector_of(contract, method))
        yield f"kind of {contract}.{method}", have, int(kind)
    for view, name in (
        ("governor", "ProtocolGovernor"),
        ("adjudicator", "Adjudicator"),
        ("engine", "DerivativesEngine"),
        ("oracle", "PriceOracle"),
    ):
        yield f"PauseGuardian's {view}", ask("PauseGuardian", view), made.address_of(name)


def _feeds(ask: _Asker, parameters: Parameters) -> Iterator[tuple[str, Any, Any]]:
    for feed in parameters.protocol.oracle.feeds:
        sources, params = ask("PriceOracle", "configOf", feed.feed)
        yield f"sources of {feed.name}", tuple(sources), astuple(feed.sources)
        yield f"limits of {feed.name}", tuple(params), astuple(feed.params)


def _same(ask: _Asker, role: str, view: str, made: Deployment) -> tuple[Any, Any]:
    return ask(role, view), made.address_of("Adjudicator")


@dataclass(frozen=True, slots=True)
class _Asker:
    """Asks views of the deployment's contracts."""

    node: Node
    made: Deployment

    def __call__(self, role: str, method: str, *args: Any) -> Any:
        name = self.made.contracts[role].contract
        return Contract(self.node, name, self.made.address_of(role)).call(method, *args)


# ROLES


def holders_of(node: Node, made: Deployment) -> dict[str, set[Address]]:
    """Return who holds each role of the timelock, by its events from the first block on."""
    at = made.contracts["ProtocolTimelock"]
    timelock = Contract(node, "ProtocolTimelock", as_address(at.address))
    names = {role_id(name): name for name in DEPLOYER_ROLES}
    holders: dict[str, set[Address]] = {name: set() for name in DEPLOYER_ROLES}
    head = as_int(node.request("eth_blockNumber", []))
    for first in range(at.block, head + 1, SPAN):
        last = min(first + SPAN - 1, head)
        asked = {"address": at.address, "fromBlock": hex(first), "toBlock": hex(last)}
        logs = [log_of(each) for each in node.request("eth_getLogs", [asked])]
        for event in timelock.happened(logs):
            if event.name not in {"RoleGranted", "RoleRevoked"}:
                continue
            role = event.fields["role"]
            held = holders.setdefault(names.get(role, "0x" + role.hex()), set())
            account = Address(event.fields["account"])
            if event.name == "RoleGranted":
                held.add(account)
            else:
                held.discard(account)
    return holders


def _roles(node: Node, made: Deployment, deployer: Address | None) -> Iterator[Finding]:
    governor, timelock = made.address_of("ProtocolGovernor"), made.address_of("ProtocolTimelock")
    want = {role: {governor} for role in GOVERNOR_ROLES} | {"DEFAULT_ADMIN_ROLE": {timelock}}
    have = holders_of(node, made)
    for role in sorted(want.keys() | have.keys()):
        held, due = have.get(role, set()), want.get(role, set())
        problem = "" if held == due else f"is held by {_told(held)}, not {_told(due)}"
        yield Finding(f"timelock's {role}", problem)
    if deployer is not None:
        left = [role for role, held in have.items() if deployer in held]
        yield Finding("roles of the deployer", ", ".join(left))


def _told(value: Any) -> str:
    """Return a value as text: addresses and words in hex."""
    match value:
        case bytes():
            return as_text(Address(value)) if len(value) == len(Address(bytes(20))) else value.hex()
        case set() | frozenset():
            return "{" + ", ".join(sorted(map(_told, value))) + "}"
        case tuple() | list():
            return "(" + ", ".join(map(_told, value)) + ")"
        case _:
            return str(value)


def require_all(findings: Iterator[Finding], fix: str) -> list[Finding]:
    """Return the findings. Raises ChainError with every problem among them."""
    seen = list(findings)
    problems = [f"{it.what}: {it.problem}" for it in seen if it.problem]
    if problems:
        raise ChainError("; ".join(problems), fix)
    return seen
