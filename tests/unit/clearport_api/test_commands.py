"""`clearing channel`: tables for people, JSON for programs, one line for what is wrong."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from eth_account import Account

from clearing.channel.signatures import LocalSigner
from clearing.clearport.api import waiting
from clearing.clearport.api.key_file import read_key
from clearing.clearport.api.views import document_of, plain
from clearing.clearport.errors import ConfigError, UnavailableError
from clearing.operator.v1 import operator_pb2 as pb
from clearing.spec.types import Side
from clearing.spec.units import WAD
from tests.harness.fake_desk import CHANNEL, ETH, OPEN_REQUEST, PEER, SETTLE_REQUEST, USDT

ID = "0x" + CHANNEL.hex()
BROKER = "0x" + PEER.hex()
OPEN = ["open", BROKER, "--own", "USDT:1000.5", "--theirs", "USDT:500", "--nonce", "3"]
TRADE = ["trade", ID, "--id", "t-1", "--sell", "ETH:1.5", "--for", "USDT:3000"]

MONEY = [
    OPEN,
    ["accept", ID],
    ["close", ID],
    ["close", ID, "--force"],
    TRADE,
    ["settle", ID],
    ["accept-settlement", ID],
    ["deposit", "USDT", "1.5", "--channel", ID],
    ["withdraw", "ETH", "0.1"],
    ["stake", "250000"],
]
QUIET = [
    ["reject", ID, "--reason", "too small"],
    ["reject-settlement", ID, "--reason", "not now"],
    ["disconnect", BROKER],
]
LOOKS = [
    ["list"],
    ["show", ID],
    ["trades", ID],
    ["positions", ID],
    ["risk", ID],
    ["margin", ID],
    ["peers"],
    ["status"],
    ["tx", "stake:1"],
]


@pytest.mark.parametrize("args", LOOKS)
def test_look__table_and_json__say_the_same(args, run, ask):
    result = run(*args)
    document = ask(*args)

    assert result.exit_code == 0, result.stderr
    assert document
    texts = [text for text in leaves_of(document) if "." in text]
    assert [text for text in texts if text.lstrip("-") not in result.stdout] == []


def leaves_of(value):
    """Yield the texts in a document."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from leaves_of(each)
    elif isinstance(value, str):
        yield value


def test_list__json__has_every_field(ask):
    first = ask("list")["channels"][0]

    assert set(first) == {field.name for field in pb.Channel.DESCRIPTOR.fields}
    assert (first["channel_id"], first["version"], first["is_connected"]) == (ID, 7, True)
    assert first["balances"][0] == {"asset": "USDT", "own": "1.5", "theirs": "2.000001"}


def test_show__beginning_of_an_id__finds_the_channel(ask, refused, daemon, key):
    assert ask("show", "c1c1")["channel_id"] == ID
    at = ["--endpoint", daemon.endpoint, "--key", key]
    assert "CHANNEL: no channel begins so" in refused("show", "abcd", *at)
    assert "CHANNEL: is no channel's id" in refused("margin", "c1", *at)


@pytest.mark.parametrize("args", MONEY, ids=" ".join)
def test_act__moves_money__asks_first_and_sends_nothing_without_a_yes(args, run, refused, daemon):
    for answer in ("n\n", ""):
        result = run(*args, input=answer)
        assert result.exit_code == 2
        assert "not confirmed, nothing was sent" in result.stderr
        assert daemon.effects == []

    assert run(*args, input="y\n").exit_code == 0
    assert len(daemon.effects) == 1
    assert run(*args, "--yes").exit_code == 0
    assert len(daemon.effects) == 2


@pytest.mark.parametrize("args", QUIET, ids=" ".join)
def test_act__moves_nothing__does_not_ask(args, run, daemon):
    assert run(*args).exit_code == 0
    assert len(daemon.effects) == 1


@pytest.mark.parametrize("args", MONEY + QUIET, ids=" ".join)
def test_act__json__is_the_reply(args, ask, daemon):
    document = ask(*args, *(["--yes"] if args in MONEY else []))

    assert isinstance(document, dict)
    assert len(daemon.effects) == 1


def test_open__options__are_what_the_desk_is_asked(run, daemon):
    run(*OPEN, "--challenge", "3600", "--yes")

    ((method, (order,)),) = daemon.effects
    assert method == "open_channel"
    assert (order.own_raw, order.theirs_raw) == (
        ((USDT.asset, 1_000_500_000),),
        ((USDT.asset, 500_000_000),),
    )
    assert (order.challenge_duration, order.nonce) == (3_600, 3)


@pytest.mark.parametrize(("option", "seller"), [("--sell", Side.HIGH), ("--buy", Side.LOW)])
def test_trade__either_way__is_recorded_for_the_right_seller(option, seller, run, daemon):
    args = ["trade", ID, "--id", "t", option, "ETH:1.5", "--for", "USDT:3000", "--yes"]

    assert "recorded" in run(*args).stdout
    ((_, (channel_id, (known,))),) = daemon.effects
    assert channel_id == CHANNEL
    assert known.trade.seller is seller
    assert (known.trade.base, known.trade.base_wad) == (ETH.asset, 3 * WAD // 2)


@pytest.mark.parametrize(
    ("command", "request_id"),
    [("accept", OPEN_REQUEST), ("accept-settlement", SETTLE_REQUEST)],
)
def test_accept__one_request__needs_no_id(command, request_id, run, daemon):
    assert run(command, ID, "--yes").exit_code == 0
    assert daemon.effects == [("accept", (CHANNEL, request_id))]


def test_act__once__shows_the_first_result_again(ask, daemon):
    args = ["deposit", "USDT", "1.5", "--channel", ID, "--yes", "--once", "monday"]

    assert ask(*args) == ask(*args)
    assert len(daemon.effects) == 1


def test_deposit__wait__shows_the_final_transaction(ask, run, daemon):
    daemon.scene.desk.transactions["stake:1"] = ["queued", "sent", "mined", "final"]

    document = ask("stake", "1", "--yes", "--wait")

    assert (document["state"], document["block_number"]) == ("final", 12)


@pytest.mark.parametrize("state", ["refused", "lost"])
def test_deposit__wait_for_what_fails__is_one_line(state, run, refused, daemon):
    daemon.scene.desk.transactions["stake:1"] = ["queued", state]

    result = run("stake", "1", "--yes", "--wait")

    assert result.exit_code == 2
    assert f"the transaction stake:1 was {state}" in result.stderr


def test_open__wait__ends_where_the_channel_is_open(ask):
    assert ask(*OPEN, "--yes", "--wait")["phase"] == "open"


def test_close__wait__ends_where_the_channel_is_closed(ask, daemon):
    daemon.scene.desk.phase = "closed"

    assert ask("close", ID, "--yes", "--wait")["phase"] == "closed"


def test_close__wait_while_the_channel_needs_a_person__is_one_line(run, daemon):
    daemon.scene.desk.phase, daemon.scene.desk.alarm = "settling", "DIVERGED"

    result = run("close", ID, "--yes", "--wait")

    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].endswith("needs a person: DIVERGED")


def test_events__without_follow__ends_after_the_last(run, daemon):
    daemon.play(daemon.scene.desk.happen("booked", trade="t-1"))

    everything = run("events").stdout.splitlines()
    later = run("events", "--after", "1", "--json").stdout.splitlines()

    assert [line.split()[0] for line in everything] == ["1", "2"]
    assert json.loads(later[0])["fields"] == {"trade": "t-1"}
    assert len(later) == 1


def test_export__new_file__is_the_owners_alone_and_never_overwritten(run, refused, tmp_path):
    out = tmp_path / "states"

    assert run("export", "--out", out, "--channel", "c1c1").exit_code == 0
    assert out.read_bytes() == b"sealed" + CHANNEL
    assert out.stat().st_mode & 0o777 == 0o600
    assert "--out: file exists" in refused("export", "--out", out)


def test_add_peer__file__is_taken_up(run, refused, tmp_path, daemon):
    record = tmp_path / "peer.json"
    record.write_text('{"seq": 1}')

    assert run("add-peer", record).exit_code == 0
    assert daemon.effects == [("add_peer", ('{"seq": 1}',))]
    assert "FILE: cannot be read" in refused("add-peer", tmp_path / "none")


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ([*TRADE[:4], "--for", "USDT:1"], "--sell: or --buy is what it takes"),
        ([*TRADE, "--buy", "ETH:1"], "--sell: or --buy is what it takes"),
        (["trade", ID, "--id", "t", "--sell", "ETH", "--for", "USDT:1"], "--sell: is not ASSET"),
        (["deposit", "USDT", "1.0000001", "--yes"], "amount: '1.0000001' has more than 6"),
        (["deposit", "DOGE", "1", "--yes"], "asset: 'DOGE' is not an asset here"),
        (["stake", "--yes", "--", "-1"], "amount: '-1' is not an amount"),
        (["accept", ID, "--request", "0x12", "--yes"], "--request: the peer asks for no such"),
        (["tx", "nothing"], "key: no such transaction"),
        (["margin", "0x" + "ab" * 32], "channel_id: no such channel"),
        (["margin"], "Missing argument 'CHANNEL'"),
        (["nonsense"], "No such command 'nonsense'"),
    ],
)
def test_command__bad_input__is_one_line(args, problem, run, refused):
    assert problem in refused(*args)


def test_command__desk_fails__is_one_line(run, refused, daemon):
    daemon.scene.desk.failure = UnavailableError("no prices", "ask again in a minute")

    assert refused("status") == "clearing: no prices: ask again in a minute"


def test_command__nothing_configured__says_what_to_give(refused, tmp_path):
    assert "--endpoint: is not given" in refused("list")
    assert "--key: is not given" in refused("list", "--endpoint", "127.0.0.1:1")
    (tmp_path / "operator.toml").write_text('endpoint = "127.0.0.1:1"\nport = 3\n')
    assert "port: is no setting" in refused("list")
    (tmp_path / "operator.toml").write_text("endpoint = ")
    assert "is not TOML" in refused("list")


def test_command__keystore_and_settings_file__are_enough(bare, daemon, tmp_path):
    folder = tmp_path
    keystore = Account.encrypt(bytes([0x11]) * 32, "open sesame", kdf="pbkdf2", iterations=2)
    (folder / "operator.json").write_text(json.dumps(keystore))
    (folder / "passphrase").write_text("open sesame\n")
    (folder / "passphrase").chmod(0o600)
    (folder / "operator.toml").write_text(
        f'endpoint = "{daemon.endpoint}"\nkey = "operator.json"\n'
        'passphrase_file = "passphrase"\ndaemon_id = "clearport-test"\n'
    )

    assert bare("status").exit_code == 0
    (folder / "passphrase").write_text("wrong")
    result = bare("status")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "the passphrase is wrong" in result.stderr


@pytest.mark.parametrize(
    ("content", "mode", "problem"),
    [
        ("0x" + "11" * 32, 0o644, "--key: can be read by others"),
        ("0x1234", 0o600, "--key: holds no key"),
        ("00" * 32, 0o600, "--key: holds no key of the curve"),
        ("{", 0o600, "--key: is not JSON"),
    ],
)
def test_command__bad_key_file__is_one_line(content, mode, problem, refused, daemon, key):
    key.write_text(content)
    key.chmod(mode)

    assert problem in refused("list", "--endpoint", daemon.endpoint, "--key", key)


def test_read_key__keystore_that_would_take_all_memory__is_refused(tmp_path):
    path = tmp_path / "operator.json"
    keystore = Account.encrypt(bytes([0x11]) * 32, "open sesame", kdf="scrypt", iterations=2)
    path.write_text(json.dumps(keystore))
    assert read_key(path, lambda: "open sesame").address == LocalSigner(bytes([0x11]) * 32).address

    keystore["crypto"]["kdfparams"]["n"] = 2**40
    path.write_text(json.dumps(keystore))

    with pytest.raises(ConfigError, match="is no keystore"):
        read_key(path, lambda: "open sesame")


def test_command__key_that_is_not_listed__is_one_line(refused, daemon, key):
    key.write_text("13" * 32)

    problem = refused("list", "--endpoint", daemon.endpoint, "--key", key)
    assert "the key is not on the list of operators" in problem


def test_margin__watch__shows_lines_until_interrupted(daemon, key):
    """Ctrl-C in a process of its own, as a person leaves it."""
    command = [sys.executable, "-c", "from clearing.cli import app; app()", "channel", "margin"]
    at = ["--endpoint", daemon.endpoint, "--key", str(key), "--watch", "--json", ID]
    with subprocess.Popen(
        [*command, *at], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    ) as process:
        first = json.loads(process.stdout.readline())
        daemon.play(daemon.scene.desk.tick())
        second = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        _, errors = process.communicate(timeout=20)

    assert second["seq"] == first["seq"] + 1
    assert time.monotonic() - began < 10
    assert "Traceback" not in errors
    assert (process.returncode, errors) == (130, "")


def test_plain__escape_codes_of_a_peer__are_made_harmless():
    assert plain("a\x1b[2Jb").plain == "a\N{REPLACEMENT CHARACTER}[2Jb"


def test_document_of__maps_and_bytes__are_plain():
    event = pb.Event(cursor=1, kind="k", fields={"a": "b"})

    assert document_of(event) == {
        "cursor": 1,
        "at": 0,
        "kind": "k",
        "channel_id": "",
        "fields": {"a": "b"},
    }
    assert document_of(pb.ExportStatesResponse(states=b"\x01")) == {"states": "0x01"}


def test_as__operator_file__says_which_daemon_and_as_whom(bare, daemon, key):
    file = key.with_name("one.toml")
    file.write_text(f'endpoint = "{daemon.endpoint}"\nkey = "{key.name}"\n')

    result = bare("status", "--as", file)

    assert result.exit_code == 0, result.stderr
    assert "clearport-test" in result.stdout


def test_as__file_that_is_not_there__is_refused(refused, tmp_path):
    assert "init wrote" in refused("status", "--as", tmp_path / "none.toml")


def test_open__record_on_standard_input__adds_the_peer_first(run, daemon):
    args = ["open", "-", *OPEN[2:], "--yes"]

    result = run(*args, input='{"broker": "…"}')

    assert result.exit_code == 0, result.stderr
    assert [name for name, _ in daemon.effects] == ["add_peer", "open_channel"]
    assert "clearing channel accept" in result.stdout


def test_add_peer__standard_input__is_the_record(run, daemon):
    result = run("add-peer", "-", input="the record")

    assert result.exit_code == 0, result.stderr
    ((name, args),) = daemon.effects
    assert (name, "the record" in str(args)) == ("add_peer", True)


def test_accept__no_channel_named__takes_the_only_one_that_asks(run, daemon):
    result = run("accept", "--yes")

    assert result.exit_code == 0, result.stderr
    ((name, args),) = daemon.effects
    assert name == "accept"
    assert CHANNEL in args


def test_accept__nobody_asks__waits_and_then_says_so(run, daemon, monkeypatch):
    monkeypatch.setattr(waiting, "REQUEST_S", 0.05)
    before = run("accept", ID, "--yes")
    none = run("accept", "0x" + "ee" * 32, "--wait", "--yes")

    assert before.exit_code == 0, before.stderr
    assert none.exit_code == 2
    assert "no peer asks for anything after 0.05 s" in none.stderr
