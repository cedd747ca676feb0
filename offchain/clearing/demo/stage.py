"""Set an embedded chain up for two brokers: accounts, contracts, tokens.

Keys are derived from public labels, so that every run has the same addresses; they guard nothing
and exist on embedded chains only.
"""

from __future__ import annotations

from dataclasses import dataclass

from eth_account import Account

from clearing.chain.anvil import Anvil
from clearing.chain.contract import Contract, as_address
from clearing.chain.deploy import deploy
from clearing.chain.params import read_parameters
from clearing.chain.sender import Receipt, Sender
from clearing.channel.keccak import keccak256
from clearing.channel.signatures import LocalSigner
from clearing.client.broker import Broker
from clearing.client.contracts import Contracts
from clearing.client.signing_log import SigningLog
from clearing.client.treasury import Treasury
from clearing.spec.types import ChannelDef
from clearing.spec.units import DAY_S, Address

__all__ = ["ETHER_WEI", "STAKE_RAW", "Stage", "secret_of", "sender_of", "set_up"]

STAKE_RAW = 250_000 * 10**18
ETHER_WEI = 1_000 * 10**18
BROKERS = ("broker 0", "broker 1")


@dataclass(frozen=True, slots=True)
class Stage:
    """The chain, its contracts, and who is there. `low` is the broker with the lower address."""

    anvil: Anvil
    contracts: Contracts
    faucet: Sender
    timelock: Sender
    guardian: Sender
    low: Broker
    high: Broker
    outsider: Broker

    def give(self, symbol: str, to: Address, amount_raw: int) -> Receipt:
        """Give tokens away: YELLOW from the supply, mocks out of nothing."""
        address = self.contracts.address_of(symbol)
        if symbol == "YELLOW":
            call = self.contracts.token(address).transact("transfer", to, amount_raw)
        else:
            mock = Contract(self.anvil.node, "MockERC20", address)
            call = mock.transact("mint", to, amount_raw)
        return self.faucet.send(call)

    def treasury(self, broker: Broker) -> Treasury:
        """Return a broker's hand on its own account."""
        return Treasury(broker, self.contracts)

    def register(self, broker: Broker) -> tuple[Receipt, ...]:
        """Stake one lot for a broker and name its signer."""
        treasury = self.treasury(broker)
        return (*treasury.stake(STAKE_RAW), treasury.name_signer())

    def keys_of(self, broker: Broker) -> tuple[bytes, bytes]:
        """Return the keys of a broker's account and of its signer."""
        labels = (label for label in BROKERS if _address_of(label) == broker.address)
        return secret_of(next(labels)), secret_of(f"signer {broker.name}")

    def definition(self, *symbols: str, nonce: int, challenge_s: int = DAY_S) -> ChannelDef:
        """Return a channel between the two brokers over some tokens."""
        return ChannelDef(
            chain_id=self.contracts.chain_id,
            adjudicator=self.contracts.adjudicator.address,
            broker_low=self.low.address,
            broker_high=self.high.address,
            signer_low=self.low.signer.address,
            signer_high=self.high.signer.address,
            assets=tuple(sorted(self.contracts.address_of(symbol) for symbol in symbols)),
            challenge_duration=challenge_s,
            nonce=nonce,
        )


def set_up(anvil: Anvil, low_name: str = "A", high_name: str = "B") -> Stage:
    """Deploy the protocol as the local parameters say and introduce two brokers with YELLOW.

    Raises ChainError.
    """
    deployer, timelock, guardian, faucet = (
        sender_of(anvil, role) for role in ("deployer", "timelock", "guardian", "treasury")
    )
    deployment = deploy(
        anvil.node,
        read_parameters("local"),
        deployer,
        roles={
            "timelock": timelock.address,
            "guardian": guardian.address,
            "treasury": faucet.address,
        },
        timelock=timelock,
    )
    accounts = [sender_of(anvil, label) for label in sorted(BROKERS, key=_address_of)]
    low, high = (
        Broker(name, sender, LocalSigner(secret_of(f"signer {name}")), SigningLog())
        for name, sender in zip((low_name, high_name), accounts, strict=True)
    )
    outsider = Broker(
        "stranger",
        sender_of(anvil, "stranger"),
        LocalSigner(secret_of("signer stranger")),
        SigningLog(),
    )
    stage = Stage(
        anvil=anvil,
        contracts=Contracts(anvil.node, deployment),
        faucet=faucet,
        timelock=timelock,
        guardian=guardian,
        low=low,
        high=high,
        outsider=outsider,
    )
    for broker in (low, high):
        stage.give("YELLOW", broker.address, STAKE_RAW)
    return stage


def sender_of(anvil: Anvil, label: str) -> Sender:
    """Return an account with ether; the same label gives the same account."""
    account = Account.from_key(secret_of(label))
    anvil.give_ether(account.address, ETHER_WEI)
    return Sender(anvil.node, account)


def _address_of(label: str) -> Address:
    return as_address(Account.from_key(secret_of(label)).address)


def secret_of(label: str) -> bytes:
    """Return the key behind a label."""
    return keccak256(f"clearing, embedded chain only: {label}".encode())
