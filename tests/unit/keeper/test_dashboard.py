"""The dashboard shows what there is: every series it asks for is one that the jobs count."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
BOARD = json.loads((ROOT / "deployments" / "grafana" / "keepers.json").read_text("utf-8"))
SOURCE = "\n".join(
    path.read_text("utf-8") for path in (ROOT / "offchain/clearing/keeper").rglob("*.py")
)


def queries():
    return [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]


def test_dashboard__each_query__names_a_metric_that_is_served():
    served = set(re.findall(r'"(keeper_[a-z_]+)"', SOURCE))
    asked = {name for query in queries() for name in re.findall(r"keeper_[a-z_]+", query)}

    assert asked
    assert {name.removesuffix("_total") for name in asked} <= served


def test_dashboard__each_kind_and_name__is_counted_somewhere():
    words = {
        word for query in queries() for word in re.findall(r'(?:kind|name)="([a-z_]+)"', query)
    }
    prefix = "left_for_"

    assert len(words) > 20
    for word in words:
        reason = word.removeprefix(prefix)
        assert f'"{reason}"' in SOURCE, word


def test_dashboard__panels__have_numbers_of_their_own():
    numbers = [panel["id"] for panel in BOARD["panels"]]

    assert len(set(numbers)) == len(numbers)
