"""`clearing invariant` finds statement, code and tests; the gate behind it can say no."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clearing.cli import app
from clearing.spec.invariants import INVARIANTS
from tools.check_invariants import gaps_of
from tools.invariant_map import MapError, line_of, read_map

ROOT = Path(__file__).parents[3]
STATEMENTS = """INVARIANTS = (
    Invariant("BOX-01", "What is held covers " "what is owed.", p.is_solvent),
    Invariant("BAG-01", "Nobody votes twice."),
)
"""
VAULT = """contract Vault {
    function pay(uint256 amount) external {
    }
}
"""
TEST = '''def test_pay__twice__is_refused():
    """[BOX-01] Once is enough."""

def test_vote__twice__is_refused():
    assert True, "BAG-01"
'''
TWIN = """from clearing.spec.invariants import violated_in

class Twin:
    def step(self):
        return violated_in(self.world)
"""
ROW = "| BOX-01 | What is held covers what is owed. | in: `is_solvent` | {} | {} |\n"
ENFORCED = "`contracts/adjudicator/Vault.sol`: `pay`"
HELD = "`tests/test_vault.py`"
GOV = f"| BAG-01 | Nobody votes twice. | – | {ENFORCED} | {HELD} |\n"


@pytest.fixture
def checkout(tmp_path):
    """Return how to write a small checkout with a page of one's choice."""
    files = {
        "offchain/clearing/spec/invariants.py": STATEMENTS,
        "offchain/clearing/spec/predicates.py": "\n\ndef is_solvent(world):\n    return True\n",
        "offchain/clearing/spec/vault.py": "def pay(world):\n    return world\n",
        "contracts/adjudicator/Vault.sol": VAULT,
        "tests/test_vault.py": "from tests.twin import Twin\n" + TEST,
        "tests/twin.py": TWIN,
        "docs/known-issues.md": "| KI-01 | It rounds (BOX-01). | A wei. |\n",
        "docs/threat-model.md": "",
    }

    def write(page: str = ROW.format(ENFORCED, HELD) + GOV, **others: str) -> Path:
        for name, text in {**files, "docs/invariants.md": page, **others}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, "utf-8")
        line_of.cache_clear()
        return tmp_path

    return write


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("CLEARING_PROJECT", str(ROOT))
    return lambda *args: CliRunner().invoke(app, ["invariant", *args])


def test_entry__small_checkout__has_every_place(checkout):
    entry = read_map(checkout()).entry("BOX-01")

    assert entry.text == "What is held covers what is owed."
    places = (entry.said, *entry.predicates, *entry.enforced, *entry.specified)
    assert [(it.path, it.line, it.name) for it in places] == [
        ("offchain/clearing/spec/invariants.py", 2, ""),
        ("offchain/clearing/spec/predicates.py", 3, "is_solvent"),
        ("contracts/adjudicator/Vault.sol", 2, "pay"),
        ("offchain/clearing/spec/vault.py", 1, "pay"),
    ]
    assert [(it.path, it.line, it.name) for it in entry.tests] == [
        ("tests/test_vault.py", 2, "test_pay__twice__is_refused")
    ]
    assert [(it.path, it.line, it.name) for it in entry.machines] == [
        ("tests/twin.py", 4, "Twin.step")
    ]
    assert entry.played_by == ("tests/test_vault.py",)
    assert [name for name, *_ in entry.risks] == ["KI-01"]


def test_entry__test_that_cites_a_range__holds_what_is_within(checkout):
    page = ROW.format(ENFORCED, HELD) + GOV

    def held(words: str) -> bool:
        there = read_map(checkout(page, **{"tests/test_range.py": f'"""Holds {words}."""\n'}))
        return "tests/test_range.py" in {it.path for it in there.entry("BOX-01").tests}

    assert held("BOX-00 to BOX-01")
    assert held("BOX-01 to 08")
    assert not held("BOX-02 to BOX-08")
    assert not held("BAG-00 to BAG-08")


def test_gaps__whole_checkout__has_none(checkout):
    assert gaps_of(read_map(checkout())) == []


@pytest.mark.parametrize(
    ("enforced", "held", "gap"),
    [
        (ENFORCED.replace("pay", "repay"), HELD, "Vault.sol: repay, which does not exist"),
        (ENFORCED.replace("Vault", "Cellar"), HELD, "Cellar.sol: pay, which does not exist"),
        ("–", HELD, "BOX-01 is enforced nowhere"),
        (f"{ENFORCED}<br>the token", HELD, "BOX-01: not a list of"),
        (ENFORCED, "–", "BOX-01 is held by no test"),
        (ENFORCED, "`tests/test_cellar.py`", "test_cellar.py, which does not exist"),
        (ENFORCED, "`tests/twin.py`", "twin.py, which does not name it"),
    ],
)
def test_gaps__row_names_what_is_not_there__are_told(checkout, enforced, held, gap):
    found = gaps_of(read_map(checkout(ROW.format(enforced, held) + GOV)))

    assert any(gap in line for line in found), found


@pytest.mark.parametrize(
    ("page", "others", "gap"),
    [
        (GOV, {}, "docs/invariants.md lacks BOX-01"),
        (ROW.format(ENFORCED, HELD) * 2 + GOV, {}, "docs/invariants.md defines BOX-01 2 times"),
        (
            ROW.format(ENFORCED, HELD) + GOV + GOV.replace("BAG-01", "BAG-02"),
            {},
            "offchain/clearing/spec/invariants.py lacks BAG-02",
        ),
        (
            ROW.format(ENFORCED, HELD) + GOV,
            {"contracts/adjudicator/Other.sol": "// BAG-07\n"},
            "BAG-07 is cited but not defined",
        ),
    ],
)
def test_gaps__ids_differ__are_told(checkout, page, others, gap):
    found = gaps_of(read_map(checkout(page, **others)))

    assert gap in found


def test_read_map__row_of_four_columns__is_an_error(checkout):
    there = read_map(checkout(f"| BOX-01 | It holds. | – | {HELD} |\n"))

    with pytest.raises(MapError, match="4 columns"):
        there.enforced("BOX-01")


def test_read_map__no_page__is_one_line(tmp_path):
    with pytest.raises(MapError, match=r"no docs/invariants\.md; run inside a whole checkout"):
        read_map(tmp_path)


def test_line_of__declarations__are_found_and_calls_are_not(tmp_path):
    solidity, vyper, python = (tmp_path / f"a.{kind}" for kind in ("sol", "vy", "py"))
    solidity.write_text("pay();\nmodifier onlyPayer() {\n}\nconstructor(uint256 a) {\n}\n")
    vyper.write_text("self.pay()\n@external\ndef pay(a: uint256):\n    pass\n")
    python.write_text("pay()\nclass Payer:\n    async def pay(self): ...\n")

    assert [line_of(solidity, it) for it in ("onlyPayer", "constructor", "pay")] == [2, 4, 0]
    assert [line_of(vyper, it) for it in ("pay", "payer")] == [3, 0]
    assert [line_of(python, it) for it in ("Payer", "pay", "nobody")] == [2, 3, 0]


def test_invariant__an_id__shows_statement_code_and_test(run):
    result = run("perp-12")

    assert result.exit_code == 0, result.stderr
    assert (
        "12  An account without positions withdraws without asking the oracle.\n" in result.stdout
    )
    take_out = line_of(ROOT / "contracts/derivatives/perp/PerpDoors.sol", "_takeOut")
    assert f"contracts/derivatives/perp/PerpDoors.sol:{take_out}  _takeOut" in result.stdout
    assert "test_withdraw.py::test_withdraw__without_positions__never_asks_the" in result.stdout


def test_invariant__machine_readable__has_every_id_asked_for(run):
    result = run("adj-01", "Ora-03", "--json")

    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)["invariants"]
    assert [it["id"] for it in found] == ["adj-01".upper(), "ora-03".upper()]
    assert "tests/invariants/lockstep.py" in {it["path"] for it in found[0]["machines"]}
    assert "tests/invariants/test_channel_machine.py" in found[0]["played_by"]


def test_invariant__without_an_id__lists_every_one(run):
    listed = run()
    by_family = json.loads(run("--json").stdout)

    assert listed.exit_code == 0, listed.stderr
    texts = {name: text for names in by_family.values() for name, text in names.items()}
    assert texts == {it.id: it.text for it in INVARIANTS}
    assert all(f"  {name}  {text}\n" in listed.stdout for name, text in texts.items())


def test_invariant__word__finds_the_statements_that_hold_it(run):
    result = run("Insurance", "--json")

    found = {it["id"] for it in json.loads(result.stdout)["invariants"]}
    assert found == {it.id for it in INVARIANTS if "insurance" in it.text.lower()}
    assert len(found) > 1


@pytest.mark.parametrize(("asked", "near"), [("perp-99", "PERP-"), ("oracel", "oracle")])
def test_invariant__unknown__is_one_line_with_the_nearest(run, asked, near):
    result = run(asked)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert f"'{asked}'; nearest: {near}" in result.stderr


def test_invariant__outside_a_checkout__is_one_line(run, monkeypatch, tmp_path):
    assert run("adj-01").exit_code == 0
    monkeypatch.setenv("CLEARING_PROJECT", str(tmp_path))

    result = run("adj-01")

    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert f"CLEARING_PROJECT={tmp_path} holds no ape-config.yaml" in result.stderr


def test_invariant__in_half_a_checkout__is_one_line(run, monkeypatch, tmp_path):
    monkeypatch.setenv("CLEARING_PROJECT", str(tmp_path))
    (tmp_path / "ape-config.yaml").touch()

    result = run("adj-01")

    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "holds no tools/invariant_view.py" in result.stderr
