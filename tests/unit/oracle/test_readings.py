"""A file of readings: what is read, and how each kind of bad input is told."""

import pytest

from clearing.oracle.errors import (
    LimitError,
    ReadingsHeader,
    ReadingsRow,
    ReadingsTime,
    ReadingsUnreadable,
)
from clearing.oracle.limits import NAMES, parse_limits
from clearing.oracle.readings import parse_readings, read_readings
from clearing.spec.oracle_types import (
    ChainlinkAnswer,
    FeedParams,
    PythAnswer,
    SequencerAnswer,
    SourceAnswers,
)

HEADER = "time,cl_round,cl_usd,cl_updated_at,pyth_usd,pyth_conf_usd,pyth_published_at"
ROW = "1700000060,7,3000.5,1700000000,3001.25,0.5,1700000058"
GOOD = f"{HEADER}\n{ROW}\n"
WITH_SEQUENCER = f"{HEADER},sequencer,sequencer_since\n{ROW},up,1600000000\n"


def test_parse_readings__good_row__keeps_every_digit():
    (row,) = parse_readings(GOOD)

    assert row.time == 1_700_000_060
    assert not row.has_sequencer
    assert row.answers == SourceAnswers(
        ChainlinkAnswer(8, 7, 3_000_50000000, 1_700_000_000),
        PythAnswer(3_001_25000000, 50_000_000, -8, 1_700_000_058),
    )


def test_parse_readings__empty_source__is_a_call_that_failed():
    (row,) = parse_readings(f"{HEADER}\n1700000060,,,,3001.25,0.5,1700000058\n")

    assert row.answers.chainlink is None
    assert row.answers.pyth is not None


def test_parse_readings__columns_in_any_order__are_the_same():
    columns, cells = HEADER.split(","), ROW.split(",")
    turned = ",".join(columns[::-1]) + "\r\n" + ",".join(cells[::-1]) + "\r\n\r\n"

    assert parse_readings(turned) == parse_readings(GOOD)


@pytest.mark.parametrize(
    ("cells", "answer"),
    [
        ("up,1600000000", SequencerAnswer(0, 1_600_000_000)),
        ("down,1600000000", SequencerAnswer(1, 1_600_000_000)),
        ("failed,", None),
    ],
)
def test_parse_readings__sequencer__is_up_down_or_failed(cells, answer):
    (row,) = parse_readings(WITH_SEQUENCER.replace("up,1600000000", cells))

    assert row.has_sequencer
    assert row.answers.sequencer == answer


def test_parse_readings__a_feed_that_lies__is_a_reading_all_the_same():
    (row,) = parse_readings(GOOD.replace("3000.5", "-1"))

    assert row.answers.chainlink.answer == -(10**8)


@pytest.mark.parametrize(
    ("text", "error", "line"),
    [
        ("", ReadingsHeader, "row 1: the file is empty; start the file with the row time,cl_"),
        (f"{HEADER}\n", ReadingsHeader, "row 2: there is no reading; add a row for each moment"),
        (
            GOOD.replace("cl_round", "round"),
            ReadingsHeader,
            "row 1: column 'round' is not known; start the file with the row time,cl_round",
        ),
        (
            GOOD.replace("cl_round,", ""),
            ReadingsHeader,
            "row 1: column 'cl_round' is missing; start the file with the row time,cl_round",
        ),
        (
            GOOD.replace("cl_round", "time"),
            ReadingsHeader,
            "row 1: column 'time' stands twice; start the file with the row time,cl_round",
        ),
        (
            WITH_SEQUENCER.replace(",sequencer_since", ""),
            ReadingsHeader,
            "row 1: column 'sequencer_since' is missing; start the file with",
        ),
        (
            GOOD.replace(",1700000058", ""),
            ReadingsRow,
            "row 2, column pyth_published_at: is missing; give each column a cell",
        ),
        (
            GOOD.replace("1700000058", "1700000058,9"),
            ReadingsRow,
            "row 2, cell 8: '9' belongs to no column; remove it",
        ),
        (
            GOOD.replace("3000.5", ""),
            ReadingsRow,
            "row 2, column cl_usd: is empty, but cl_round is '7'; fill cl_round, cl_usd, cl_upd",
        ),
        (
            GOOD.replace("3001.25", "three"),
            ReadingsRow,
            "row 2, column pyth_usd: 'three' is not a number; write it in digits such as 1234.56",
        ),
        (
            GOOD.replace("3001.25", "0.123456789"),
            ReadingsRow,
            "row 2, column pyth_usd: '0.123456789' has more than 8 decimals; round it to 8",
        ),
        (
            GOOD.replace("3001.25", "1e12"),
            ReadingsRow,
            "row 2, column pyth_usd: '1e12' is not within what the source can say; write it like",
        ),
        (
            GOOD.replace(",0.5,", ",-0.5,"),
            ReadingsRow,
            "row 2, column pyth_conf_usd: '-0.5' is not within what the source can say; write it",
        ),
        (
            GOOD.replace(",7,", ",x,"),
            ReadingsRow,
            "row 2, column cl_round: 'x' is no whole number from 0 to 1208925819614629174706175;",
        ),
        (
            GOOD.replace("1700000060", "2023-11-14"),
            ReadingsRow,
            "row 2, column time: '2023-11-14' is no whole number from 0 to 1099511627775; write",
        ),
        (
            GOOD.replace("1700000060", ""),
            ReadingsRow,
            "row 2, column time: is empty; write it like 1700000000",
        ),
        (
            GOOD + ROW,
            ReadingsTime,
            "row 3, column time: '1700000060' does not come after '1700000060'; sort the rows by",
        ),
        (
            WITH_SEQUENCER.replace("up,", "on,"),
            ReadingsRow,
            "row 2, column sequencer: 'on' is no state of the sequencer; write up, down or failed",
        ),
        (
            WITH_SEQUENCER.replace("up,1600000000", "up,"),
            ReadingsRow,
            "row 2, column sequencer_since: is empty; write it like 1700000000",
        ),
        (GOOD + '"' + "x" * 200_000, ReadingsUnreadable, "the file: is not CSV (field larger than"),
    ],
)
def test_parse_readings__bad_text__names_row_column_value_and_fix(text, error, line):
    assert parse_readings(GOOD)

    with pytest.raises(error) as refused:
        parse_readings(text)

    assert str(refused.value).startswith(line)
    assert "\n" not in str(refused.value)


def test_read_readings__no_such_file__is_named(tmp_path):
    with pytest.raises(ReadingsUnreadable) as refused:
        read_readings(tmp_path / "absent.csv")

    assert str(refused.value).endswith("no such file or directory; give the path of a CSV file")


# LIMITS


def test_parse_limits__none__are_the_starting_points():
    assert parse_limits([]) == FeedParams()


def test_parse_limits__each_name__is_a_field_of_the_contract():
    assert len(NAMES) == 22
    assert parse_limits(["softDev=60", "twapWindow=1800"]) == FeedParams(
        soft_dev=60, twap_window=1_800
    )


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["softDev"], "--limit 'softDev': is not NAME=VALUE; write it like softDev=40"),
        (["soft=1"], "--limit 'soft=1': 'soft' is no limit; write one of clMaxStale, "),
        (["softDev=x"], "--limit 'softDev=x': 'x' is not a number; write a whole number"),
        (["softDev=1.5"], "--limit 'softDev=1.5': '1.5' has more than 0 decimals; write a whole"),
        (["softDev=40", "softDev=41"], "--limit 'softDev=41': 'softDev' is given twice; give it"),
        (["hardDev=50"], "--limit: hardDev 50 is not within 51 and 1000; add --limit hardDev="),
    ],
)
def test_parse_limits__bad_option__names_it_and_the_fix(options, line):
    with pytest.raises(LimitError) as refused:
        parse_limits(options)

    assert str(refused.value).startswith(line)
