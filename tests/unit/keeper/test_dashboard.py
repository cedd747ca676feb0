"""Dashboard and alerts ask for what there is: every series is one that the jobs count."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BOARD = json.loads((ROOT / "deployments" / "grafana" / "keepers.json").read_text("utf-8"))
ALERTS = (ROOT / "deployments" / "examples" / "keeper-alerts.yaml").read_text("utf-8")
SOURCE = "\n".join(
    path.read_text("utf-8") for path in (ROOT / "offchain/clearing/keeper").rglob("*.py")
)


def queries():
    return [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]


def rules():
    return re.findall(r"^ +expr: (.+)$", ALERTS, re.MULTILINE)


def words_of(expressions):
    return {word for it in expressions for word in re.findall(r'(?:kind|name)="([a-z_]+)"', it)}


@pytest.mark.parametrize("expressions", [queries(), rules()], ids=["dashboard", "alerts"])
def test_expressions__each__names_a_metric_that_is_served(expressions):
    served = set(re.findall(r'"(keeper_[a-z_]+)"', SOURCE))
    asked = {name for query in expressions for name in re.findall(r"keeper_[a-z_]+", query)}

    assert asked
    assert {name.removesuffix("_total") for name in asked} <= served


@pytest.mark.parametrize(
    ("expressions", "least"), [(queries(), 30), (rules(), 5)], ids=["dashboard", "alerts"]
)
def test_expressions__each_kind_and_name__is_counted_somewhere(expressions, least):
    words = words_of(expressions)
    prefix = "left_for_"

    assert len(words) >= least
    for word in words:
        reason = word.removeprefix(prefix)
        assert f'"{reason}"' in SOURCE, word


def test_dashboard__panels__have_numbers_of_their_own():
    numbers = [panel["id"] for panel in BOARD["panels"]]

    assert len(set(numbers)) == len(numbers)


def test_alerts__each__has_a_rule_of_its_own_and_a_runbook_that_is_there():
    names, books = (re.findall(rf"{key}: ([\w./-]+)", ALERTS) for key in ("alert", "runbook"))

    assert len(set(names)) == len(names) == len(rules()) == len(books)
    assert all((ROOT / book).exists() for book in books)
