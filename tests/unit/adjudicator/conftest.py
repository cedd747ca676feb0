"""The protocol with two brokers in it, and one channel between them in each named state.

Everything is deployed as `clearing.chain.deploy` does it, with the parameters of the local network.
"""

from dataclasses import replace

import ape
import pytest
from eth_account import Account

from clearing.chain.contract import as_address
from clearing.chain.deploy import deploy
from clearing.chain.node import HttpNode
from clearing.chain.params import read_parameters
from clearing.chain.sender import Sender
from clearing.channel.signatures import LocalSigner
from clearing.client.contracts import Contracts
from clearing.spec.registry import LOT
from clearing.spec.types import ChannelDef, Side
from clearing.spec.units import DAY_S
from tests.unit.adjudicator.papers import Papers
from tests.unit.adjudicator.scene import RICHES, UNLIMITED, Scene

LEDGER = 10_000
"""Raw units of each of the two tokens in each broker's ledger at the start."""


def _secret(account):
    return bytes.fromhex(account.private_key.removeprefix("0x"))


def _key(index):
    return _secret(ape.accounts.test_accounts[index])


@pytest.fixture(scope="session")
def scene(project, chain, deployer, broker_low, broker_high, outsider, recipient):
    """The deployed protocol; brokers have staked one lot, named their keys, approved, deposited."""
    timelock, guardian = (as_address(ape.accounts.test_accounts[i].address) for i in (7, 8))
    node = HttpNode(chain.provider.uri)
    deployment = deploy(
        node,
        read_parameters("local"),
        Sender(node, Account.from_key(_key(0))),
        roles={
            "timelock": timelock,
            "guardian": guardian,
            "treasury": as_address(deployer.address),
        },
        timelock=Sender(node, Account.from_key(_key(7))),
    )
    scene = Scene(
        node=node,
        contracts=Contracts(node, deployment),
        low=as_address(broker_low.address),
        high=as_address(broker_high.address),
        outsider=as_address(outsider.address),
        recipient=as_address(recipient.address),
        timelock=timelock,
        guardian=guardian,
        deployer=as_address(deployer.address),
        low_signer=LocalSigner(_key(5)),
        high_signer=LocalSigner(_key(6)),
        tokens=tuple(sorted(deployment.address_of(symbol) for symbol in ("USDT", "USDC"))),
    )
    yellow = scene.token(deployment.address_of("YELLOW"))
    for broker, signer in ((scene.low, scene.low_signer), (scene.high, scene.high_signer)):
        registry = scene.contracts.registry
        scene.send(
            scene.call(yellow, "transfer", broker, 4 * LOT, by=scene.deployer),
            scene.call(yellow, "approve", registry.address, UNLIMITED, by=broker),
            scene.call(registry, "stake", LOT, by=broker),
            scene.call(registry, "set_signer", signer.address, by=broker),
        )
        for token in scene.tokens:
            vault = scene.adjudicator.address
            scene.send(
                scene.call(scene.token(token), "mint", broker, RICHES, by=broker),
                scene.call(scene.token(token), "approve", vault, UNLIMITED, by=broker),
                scene.act("deposit", token, LEDGER, by=broker),
            )
    return scene


@pytest.fixture
def broker_keys(broker_low, broker_high):
    """The keys of the brokers' own accounts, low and high, which sign no states."""
    return LocalSigner(_secret(broker_low)), LocalSigner(_secret(broker_high))


@pytest.fixture
def says_yes():
    """ERC-1271 code that answers 0x1626ba7e, which is yes, to everything.

    PUSH4 of the answer, shifted left by 224 bits, stored at 0, one word returned.
    """
    return bytes.fromhex("63 1626ba7e 60e0 1b 6000 52 6020 6000 f3")


@pytest.fixture
def says_no():
    """ERC-1271 code that answers something else."""
    return bytes.fromhex("63 e9d94581 60e0 1b 6000 52 6020 6000 f3")


@pytest.fixture
def papers(scene):
    """A channel over the two tokens that has never been opened."""
    definition = ChannelDef(
        chain_id=scene.contracts.chain_id,
        adjudicator=scene.adjudicator.address,
        broker_low=scene.low,
        broker_high=scene.high,
        signer_low=scene.low_signer.address,
        signer_high=scene.high_signer.address,
        assets=scene.tokens,
        challenge_duration=DAY_S,
        nonce=0,
    )
    return Papers(scene, definition, scene.now)


@pytest.fixture
def opened(scene, papers):
    """The channel, OPEN with version 1."""
    scene.send(papers.open())
    return papers


@pytest.fixture
def challenged(scene, opened):
    """The channel, CHALLENGED by low with `operate(5)`."""
    scene.send(opened.challenge(opened.operate(5)))
    return opened


@pytest.fixture
def ended(scene, opened):
    """The channel, IDLE: closed cooperatively; its papers are those of the next epoch."""
    scene.send(opened.close(opened.closing()))
    return replace(opened, epoch=1)


@pytest.fixture
def order(opened):
    """An order of version 2 in the open channel."""
    return opened.order()


@pytest.fixture
def half_funded(scene, opened, order):
    """The open channel; low has locked its leg of `order`."""
    scene.send(opened.fund(order, Side.LOW))
    return opened
