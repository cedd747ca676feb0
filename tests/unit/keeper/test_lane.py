"""One signer's nonces: what is not mined is offered for more, up to the cap, and never twice."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise

import pytest

from clearing.chain.contract import Call, as_address
from clearing.chain.errors import NodeUnreachableError
from clearing.chain.offer import transaction_of
from clearing.keeper.errors import EmptyWalletError
from clearing.keeper.lane import LanePolicy, Wish
from clearing.keeper.updates import Hermes
from clearing.spec.units import WAD
from tests.unit.keeper.faults import SEND, FaultyNode, timeout
from tests.unit.keeper.rig import MAKER

TO = as_address(MAKER.address)
GWEI = 10**9


def wish(work="a", *subjects, value=1):
    return Wish(work, Call(TO, b"", work, value), 21_000, subjects)


@pytest.fixture
def deaf(rig):
    """A lane whose node takes nothing."""

    def lose(method):
        if method == SEND:
            raise timeout()

    node = FaultyNode(rig.anvil.node, before=lose)
    return rig.desk("lane", "lane", nodes=[node], lane=LanePolicy(max_fee_wei=6 * GWEI)), node


def turned(rig, desk, blocks=1):
    rig.mine(blocks)
    head = desk.endpoints.head()
    return head, desk.lane.turn(head)


def test_turn__three_blocks_pass__an_eighth_more_is_offered_up_to_the_cap(rig, deaf):
    desk, node = deaf
    lane, store = desk.lane, desk.store
    head, _ = turned(rig, desk)
    (offer,) = lane.send([wish()], head)
    fees = [transaction_of(offer.raw)["maxFeePerGas"]]

    for _ in range(30):
        turned(rig, desk)
        (offer,) = store.offers(lane.sender, ("open",))
        fee = transaction_of(offer.raw)["maxFeePerGas"]
        if fee != fees[-1]:
            fees.append(fee)

    assert lane.counts["replaced"] == len(fees) - 1 >= 5
    assert all(8 * after >= 9 * before for before, after in pairwise(fees))
    assert fees[-1] <= 6 * GWEI
    assert {transaction_of(offer.raw)["nonce"]} == {offer.nonce}
    node.before = None
    turned(rig, desk, 4)
    _, outcomes = turned(rig, desk, 4)
    assert [(it.offer.work, it.is_good) for it in outcomes] == [("a", True)]


def test_turn__an_earlier_offer_is_mined__is_found_under_its_own_hash(rig, deaf):
    """The node heard the first bytes and not the dearer ones."""
    desk, _ = deaf
    head, _ = turned(rig, desk)
    (first,) = desk.lane.send([wish()], head)
    for _ in range(5):
        turned(rig, desk)
    assert desk.lane.counts["replaced"] == 1
    rig.anvil.node.request(SEND, ["0x" + first.raw.hex()])

    _, outcomes = turned(rig, desk)

    assert [it.offer.work for it in outcomes] == ["a"]
    assert len(outcomes[0].offer.hashes) == 2


def test_send__somebody_is_in_flight__is_left_out(rig, deaf):
    desk, _ = deaf
    head, _ = turned(rig, desk)
    desk.lane.send([wish("a", "x")], head)

    sent = desk.lane.send([wish("b", "x"), wish("c", "y"), wish("d", "y"), wish("c", "z")], head)

    assert [offer.work for offer in sent] == ["c"]
    assert desk.lane.in_flight() == {"x", "y"}


def test_send__many_wishes__have_consecutive_nonces(rig, deaf):
    desk, _ = deaf
    head, _ = turned(rig, desk)

    first = desk.lane.send([wish(str(i)) for i in range(3)], head)
    second = desk.lane.send([wish("more")], head)

    nonces = [offer.nonce for offer in (*first, *second)]
    assert nonces == list(range(nonces[0], nonces[0] + 4))


def test_send__more_than_the_wallet_holds__sends_nothing(rig, deaf):
    desk, _ = deaf
    head, _ = turned(rig, desk)

    with pytest.raises(EmptyWalletError):
        desk.lane.send([wish(value=desk.lane.balance_wei)], head)

    assert desk.lane.open_offers == 0
    assert desk.lane.send([wish(value=desk.lane.balance_wei // 2)], head)


# HERMES


class Answers(BaseHTTPRequestHandler):
    body, status, seen = b"", 200, None

    def do_GET(self):
        type(self).seen = (self.path, self.headers.get("Authorization"))
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_):
        pass


@pytest.fixture
def hermes():
    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Hermes(f"http://127.0.0.1:{server.server_port}", "the key")
    server.shutdown()
    server.server_close()
    thread.join()


def test_hermes__answers__gives_data_and_prices_in_wad(hermes):
    id_ = b"\x1d" * 32
    price = {"price": "300012345678", "conf": "1", "expo": -8, "publish_time": 77}
    said = {"binary": {"data": ["0102"]}, "parsed": [{"id": id_.hex(), "price": price}]}
    Answers.body, Answers.status = json.dumps(said).encode(), 200

    signed = hermes.latest([id_])

    assert signed.data == (b"\x01\x02",)
    assert signed.latest[id_].price == 300_012_345_678 * WAD // 10**8
    assert signed.latest[id_].publish_time == 77
    path, key = Answers.seen
    assert id_.hex() in path
    assert key == "Bearer the key"


@pytest.mark.parametrize(
    ("status", "body"),
    [(429, b"{}"), (200, b"not JSON"), (200, b"{}"), (200, b'{"binary": {"data": ["xy"]}}')],
)
def test_hermes__no_usable_answer__is_said(hermes, status, body):
    Answers.body, Answers.status = body, status

    with pytest.raises(NodeUnreachableError, match="price service"):
        hermes.latest([b"\x1d" * 32])
