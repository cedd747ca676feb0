"""One account's transactions: nonces, replacement, waiting, refusals. The node is in memory."""

# ruff: noqa: N802 - the node's methods are called as JSON-RPC calls them

from collections.abc import Sequence
from typing import Any

import pytest
import rlp
from eth_account import Account

from clearing.chain.contract import Call, as_address
from clearing.chain.errors import (
    CallRefusedError,
    NodeRefusedError,
    NonceLostError,
    ReceiptTimeoutError,
)
from clearing.chain.sender import Sender, SendPolicy
from clearing.channel.keccak import keccak256
from clearing.spec.units import Address

ACCOUNT = Account.from_key(b"\x01" * 32)
CALL = Call(Address(b"\x22" * 20), b"\xab\xcd", "Adjudicator.open", 7)
POLICY = SendPolicy(replace_after_s=30, timeout_s=100, receipt_lag_s=20, poll_s=10)
MAX_FEE, TIP = 2 * 1_000 + 8, 8


class StandingClock:
    """Time passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic_s(self) -> float:
        return self.now_s

    def sleep(self, duration_s: float) -> None:
        self.now_s += duration_s


class FakeNode:
    """Answers as a node does; `mines` says which offer of a transaction is mined, None = none."""

    def __init__(self, mines: int | None = 0) -> None:
        self.mines = mines
        self.mined_nonces: set[int] = set()
        self.foreign: set[int] = set()
        self.offers: list[dict[str, Any]] = []
        self.receipts: dict[str, dict[str, Any]] = {}
        self.status = 1
        self.estimate: int | NodeRefusedError = 100_000
        self.sending: NodeRefusedError | None = None
        self.recall: NodeRefusedError | None = None

    def request(self, method: str, params: Sequence[Any]) -> Any:
        return getattr(self, method)(*params)

    def eth_chainId(self) -> str:
        return hex(31_337)

    def eth_getBlockByNumber(self, *_: object) -> dict[str, str]:
        return {"baseFeePerGas": hex(1_000)}

    def eth_maxPriorityFeePerGas(self) -> str:
        return hex(TIP)

    def eth_estimateGas(self, _request: object) -> str:
        if isinstance(self.estimate, NodeRefusedError):
            raise self.estimate
        return hex(self.estimate)

    def eth_getTransactionCount(self, _address: str, _block: str) -> str:
        return hex(len(self.mined_nonces | self.foreign))

    def eth_call(self, _request: object, _block: str) -> str:
        if self.recall is not None:
            raise self.recall
        return "0x"

    def eth_sendRawTransaction(self, raw: str) -> str:
        if self.sending is not None:
            raise self.sending
        data = bytes.fromhex(raw[2:])
        fields = rlp.decode(data[1:])
        numbers = [int.from_bytes(field, "big") for field in fields[:5]]
        self.offers.append(
            {
                "nonce": numbers[1],
                "tip": numbers[2],
                "max_fee": numbers[3],
                "gas": numbers[4],
                "unsigned_size": 1 + len(rlp.encode(fields[:9])),
            }
        )
        nonce = numbers[1]
        round_ = sum(offer["nonce"] == nonce for offer in self.offers) - 1
        if round_ == self.mines:
            hash_ = "0x" + keccak256(data).hex()
            self.mined_nonces.add(nonce)
            self.receipts[hash_] = {
                "transactionHash": hash_,
                "blockNumber": hex(9),
                "gasUsed": hex(80_000),
                "contractAddress": None,
                "status": hex(self.status),
                "logs": [],
            }
        return "0x"

    def eth_getTransactionReceipt(self, hash_: str) -> dict[str, Any] | None:
        return self.receipts.get(hash_)


def _sender(node: FakeNode) -> Sender:
    return Sender(node, ACCOUNT, policy=POLICY, clock=StandingClock())


def _reverted(data: bytes) -> NodeRefusedError:
    return NodeRefusedError("eth_estimateGas", 3, "execution reverted", data)


STALE = keccak256(b"StaleVersion(uint64,uint64)")[:4] + b"".join(
    number.to_bytes(32, "big") for number in (3, 6)
)


def test_send__mined_at_once__returns_the_receipt() -> None:
    node = FakeNode()

    receipt = _sender(node).send(CALL)

    assert (receipt.what, receipt.gas_used, receipt.block_number) == ("Adjudicator.open", 80_000, 9)
    assert receipt.unsigned_size == node.offers[0]["unsigned_size"]
    assert node.offers[0]["gas"] == 120_000  # the estimate and a fifth
    assert (node.offers[0]["max_fee"], node.offers[0]["tip"]) == (MAX_FEE, TIP)


def test_send__several__nonces_follow_each_other() -> None:
    node = FakeNode()
    sender = _sender(node)

    for _ in range(3):
        sender.send(CALL)

    assert [offer["nonce"] for offer in node.offers] == [0, 1, 2]


def test_send__not_mined_in_time__is_replaced_under_the_same_nonce_at_an_eighth_more() -> None:
    node = FakeNode(mines=2)

    receipt = _sender(node).send(CALL)

    assert receipt.gas_used == 80_000
    assert [offer["nonce"] for offer in node.offers] == [0, 0, 0]
    assert [offer["max_fee"] for offer in node.offers] == [2_008, 2_259, 2_542]  # rounded up
    assert [offer["tip"] for offer in node.offers] == [8, 9, 11]


def test_send__first_offer_is_mined_after_its_replacement__is_found() -> None:
    class SlowNode(FakeNode):
        def eth_sendRawTransaction(self, raw: str) -> str:
            if not self.offers:
                self.first = "0x" + keccak256(bytes.fromhex(raw[2:])).hex()
                return super().eth_sendRawTransaction(raw)
            # the node drops the second offer, and mines the first while it refuses
            self.mined_nonces.add(0)
            self.receipts[self.first] = {
                "transactionHash": self.first,
                "blockNumber": "0x1",
                "gasUsed": "0x5",
                "contractAddress": None,
                "status": "0x1",
                "logs": [],
            }
            raise NodeRefusedError("eth_sendRawTransaction", -32_000, "nonce too low")

    assert _sender(SlowNode(mines=None)).send(CALL).gas_used == 5


def test_send__never_mined__times_out_with_every_hash_and_keeps_the_nonce_used() -> None:
    node = FakeNode(mines=None)
    sender = _sender(node)

    with pytest.raises(ReceiptTimeoutError, match="not mined within 100 s") as timeout:
        sender.send(CALL)

    assert len(timeout.value.hashes) == len(node.offers) == 4
    assert sender.next_nonce() == 1


def test_send__nonce_used_by_another__is_refused_instead_of_waiting() -> None:
    node = FakeNode(mines=None)

    class Intruder(StandingClock):
        def sleep(self, duration_s: float) -> None:
            super().sleep(duration_s)
            node.foreign.add(0)

    sender = Sender(node, ACCOUNT, policy=POLICY, clock=Intruder())
    with pytest.raises(NonceLostError, match="used by another transaction"):
        sender.send(CALL)


def test_send__node_counts_it_before_it_shows_the_receipt__is_waited_for() -> None:
    class LaggingNode(FakeNode):
        looks = 0

        def eth_getTransactionReceipt(self, hash_: str) -> dict[str, Any] | None:
            self.looks += 1
            return super().eth_getTransactionReceipt(hash_) if self.looks > 2 else None

    node = LaggingNode()

    assert _sender(node).send(CALL).gas_used == 80_000
    assert len(node.offers) == 1


def test_send__node_says_nonce_too_low__is_refused() -> None:
    node = FakeNode()
    assert _sender(node).send(CALL)

    node.sending = NodeRefusedError("eth_sendRawTransaction", -32_000, "nonce too low: 0 < 1")
    with pytest.raises(NonceLostError, match="let nothing else send"):
        _sender(node).send(CALL)


def test_send__contract_refuses__carries_the_errors_name_and_values_and_sends_nothing() -> None:
    node = FakeNode()
    assert _sender(node).send(CALL)
    sent = len(node.offers)

    node.estimate = _reverted(STALE)
    with pytest.raises(
        CallRefusedError, match=r"Adjudicator.open refused: StaleVersion\(3, 6\)"
    ) as e:
        _sender(node).send(CALL)

    assert (e.value.name, e.value.args_) == ("StaleVersion", (3, 6))
    assert len(node.offers) == sent


@pytest.mark.parametrize(
    ("refusal", "name"),
    [
        (
            _reverted(
                keccak256(b"Error(string)")[:4]
                + (32).to_bytes(32, "big")
                + (4).to_bytes(32, "big")
                + b"htlc".ljust(32, b"\0")
            ),
            "htlc",
        ),
        (_reverted(keccak256(b"Panic(uint256)")[:4] + (17).to_bytes(32, "big")), "Panic"),
        (_reverted(b"\xde\xad\xbe\xef"), "0xdeadbeef"),
        (NodeRefusedError("eth_estimateGas", 3, "execution reverted"), "reverted without a reason"),
    ],
)
def test_send__other_kinds_of_refusal__are_named(refusal: NodeRefusedError, name: str) -> None:
    node = FakeNode()
    node.estimate = refusal

    with pytest.raises(CallRefusedError) as error:
        _sender(node).send(CALL)

    assert error.value.name == name


def test_send__node_refuses_for_a_reason_of_its_own__stays_the_nodes_refusal() -> None:
    node = FakeNode()
    node.estimate = NodeRefusedError("eth_estimateGas", -32_000, "insufficient funds")

    with pytest.raises(NodeRefusedError, match="insufficient funds"):
        _sender(node).send(CALL)


def test_send__mined_but_failed__says_why() -> None:
    node = FakeNode()
    node.status = 0
    node.recall = _reverted(STALE)

    with pytest.raises(CallRefusedError, match=r"StaleVersion\(3, 6\)"):
        _sender(node).send(CALL)


def test_send__mined_but_failed_and_cannot_be_explained__says_so() -> None:
    node = FakeNode()
    node.status = 0

    with pytest.raises(CallRefusedError, match="failed when mined, succeeds when asked again"):
        _sender(node).send(CALL)


def test_address__of_the_account__is_twenty_bytes() -> None:
    assert _sender(FakeNode()).address == as_address(ACCOUNT.address)
