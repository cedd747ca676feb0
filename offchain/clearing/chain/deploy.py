"""Deploy the protocol: one piece of code for the demo, the tests and a real network.

Order: YELLOW, BrokerRegistry, Adjudicator, HashTimeLock, then (on a test chain) the mock tokens,
then the launch caps. The registry must name its Adjudicator before that exists, and the Adjudicator
its registry: the address is computed from the deployer's next nonce. If another transaction takes
that nonce, the Adjudicator's constructor refuses the registry (RegistryNotOurs) and the deployment
is given up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import rlp

from clearing.chain.artifacts import load
from clearing.chain.contract import Call, Contract, as_address, as_text, interface_of
from clearing.chain.deployment import Deployed, Deployment, chain_key_of
from clearing.chain.errors import ChainError, MockRefusedError, ParameterInvalidError
from clearing.chain.node import Node, as_bytes
from clearing.chain.params import TEST_CHAINS, Parameters
from clearing.chain.recipe import channel_contracts, lock_contracts, resolved, token_contracts
from clearing.chain.sender import Receipt, Sender
from clearing.channel.keccak import keccak256
from clearing.spec.units import ADDRESS_BYTES, Address

__all__ = ["Deployer", "deploy", "predict_address"]


def predict_address(creator: Address, nonce: int) -> Address:
    """Return where a plain creation transaction of this account and nonce puts its contract."""
    return Address(keccak256(rlp.encode([creator, nonce]))[-ADDRESS_BYTES:])


@dataclass
class Deployer:
    """Creates contracts from one account and notes each."""

    node: Node
    sender: Sender
    chain_id: int
    made: dict[str, Deployed] = field(default_factory=dict)
    receipts: list[Receipt] = field(default_factory=list)

    def create(self, role: str, contract: str, *args: object) -> Address:
        """Create a contract with these constructor arguments and return its address.

        Raises MockRefusedError for a mock off a test chain, ChainError if no code stands there
        afterwards, ArtifactMissingError, and what `Sender.send` raises.
        """
        artifact = load(contract)
        if artifact.is_mock and self.chain_id not in TEST_CHAINS:
            raise MockRefusedError(
                f"{contract} is a mock and chain {self.chain_id} is no test chain",
                "name the address of the real token",
            )
        encoded = interface_of(contract).constructor.encode(args)
        receipt = self.sender.send(Call(None, artifact.bytecode + encoded, f"deploy {role}"))
        self.receipts.append(receipt)
        code = b"" if receipt.created is None else self._code_at(receipt.created)
        if receipt.created is None or not code:
            raise ChainError(f"{role} left no code", "look at the node")
        self.made[role] = Deployed(
            contract=contract,
            address=as_text(receipt.created),
            args="0x" + encoded.hex(),
            code_hash="0x" + keccak256(code).hex(),
            block=receipt.block_number,
        )
        return receipt.created

    def _code_at(self, address: Address) -> bytes:
        return as_bytes(self.node.request("eth_getCode", [as_text(address), "latest"]))


def deploy(
    node: Node,
    parameters: Parameters,
    deployer: Sender,
    *,
    roles: Mapping[str, Address] | None = None,
    timelock: Sender | None = None,
) -> Deployment:
    """Deploy everything that the parameters say and return where it stands.

    `roles` gives the accounts behind the parameters' `@names`. Tokens are listed with their caps
    if `timelock` sends for the timelock's account; a timelock that is a contract lists them by
    proposal. Raises ParameterInvalidError, MockRefusedError and what `Sender.send` raises.
    """
    chain = chain_key_of(node)
    if chain.chain_id not in parameters.chain_ids:
        raise ParameterInvalidError(
            f"chain_ids of {parameters.network} lacks {chain.chain_id}", "use the right node"
        )
    maker = Deployer(node, deployer, chain.chain_id)
    recipe = (
        *channel_contracts(parameters),
        *lock_contracts(),
        *token_contracts(parameters.tokens),
    )
    start = deployer.next_nonce()
    known = {f"@{name}": account for name, account in (roles or {}).items()} | {
        create.role: predict_address(deployer.address, start + place)
        for place, create in enumerate(recipe)
    }
    for create in recipe:
        maker.create(create.role, create.contract, *resolved(create.args, known))

    yellow, adjudicator = known["Yellow"], known["Adjudicator"]
    tokens = {"YELLOW": yellow}
    tokens |= {
        token.symbol: known[token.symbol] if token.address is None else as_address(token.address)
        for token in parameters.tokens
    }
    if timelock is not None:
        caps = {"YELLOW": parameters.yellow_cap_raw.value}
        caps |= {token.symbol: token.cap_raw for token in parameters.tokens}
        vault = Contract(node, "Adjudicator", adjudicator)
        for symbol, address in tokens.items():
            timelock.send(vault.transact("raiseCap", address, caps[symbol]))

    return Deployment(
        network=parameters.network,
        chain=chain,
        contracts=dict(maker.made),
        tokens={symbol: as_text(address) for symbol, address in tokens.items()},
    )
