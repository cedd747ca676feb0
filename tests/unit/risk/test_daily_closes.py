from datetime import date

import pytest

from clearing.risk.daily_closes import CLOSE_DECIMALS, parse_closes, read_closes
from clearing.risk.errors import ClosesDate, ClosesHeader, ClosesRow, ClosesUnreadable

GOOD = "date,BTC_usd,ETH_usd\n2022-01-01,100,10\n2022-01-02,101,11\n2022-01-03,102,12\n"
USD = 10**CLOSE_DECIMALS


def test_parse_closes__good_file__keeps_every_price_exactly():
    closes = parse_closes(GOOD.replace("11", "2.985433820867911e-05"))

    assert closes.days == (date(2022, 1, 1), date(2022, 1, 2), date(2022, 1, 3))
    assert [asset.symbol for asset in closes.assets] == ["BTC", "ETH"]
    assert closes.assets[0].closes == (100 * USD, 101 * USD, 102 * USD)
    assert closes.assets[1].closes[1] == 2985433820867911 * USD // 10**20


@pytest.mark.parametrize("cell", ["", " ", "0", "0.0", "-3"])
def test_parse_closes__no_positive_price__is_no_observation(cell):
    closes = parse_closes(GOOD.replace("11", cell))

    assert closes.assets[1].closes == (10 * USD, None, 12 * USD)


def test_parse_closes__line_ends_and_blank_tail__do_not_matter():
    assert parse_closes(GOOD.replace("\n", "\r\n") + "\r\n\r\n") == parse_closes(GOOD)


def test_parse_closes__header_alone__has_no_days():
    closes = parse_closes("date,BTC_usd\n")

    assert closes.days == ()
    assert closes.assets[0].closes == ()


@pytest.mark.parametrize(
    ("old", "new", "error", "line"),
    [
        (
            GOOD,
            "",
            ClosesHeader,
            "row 1: the file is empty; start the file with a row like date,BTC_usd,ETH_usd",
        ),
        (
            "date,BTC_usd,ETH_usd\n",
            "",
            ClosesHeader,
            (
                "row 1: the first column is '2022-01-01', not 'date'; "
                "start the file with a row like date,BTC_usd,ETH_usd"
            ),
        ),
        (
            ",BTC_usd,ETH_usd",
            "",
            ClosesHeader,
            (
                "row 1: there is no column with prices; "
                "start the file with a row like date,BTC_usd,ETH_usd"
            ),
        ),
        (
            "ETH_usd",
            "ETH",
            ClosesHeader,
            (
                "row 1: column 'ETH' is not named <ASSET>_usd; "
                "name it after its asset and unit, like BTC_usd"
            ),
        ),
        (
            "ETH_usd",
            "_usd",
            ClosesHeader,
            (
                "row 1: column '_usd' is not named <ASSET>_usd; "
                "name it after its asset and unit, like BTC_usd"
            ),
        ),
        (
            "ETH_usd",
            "BTC_usd",
            ClosesHeader,
            "row 1: column 'BTC_usd' stands twice; keep one of them",
        ),
        (
            "101,11",
            "101",
            ClosesRow,
            "row 3, column ETH_usd: is missing; give each column a cell, empty if it has no price",
        ),
        (
            "2022-01-02,101,11",
            "",
            ClosesRow,
            "row 3, column date: is missing; give each column a cell, empty if it has no price",
        ),
        (
            "101,11",
            "101,11,7",
            ClosesRow,
            "row 3, cell 4: '7' belongs to no column; remove it, or name its column in row 1",
        ),
        (
            "101,11",
            "101,n/a",
            ClosesRow,
            "row 3, column ETH_usd: 'n/a' is not a number; write it in digits such as 1234.56",
        ),
        (
            "101,11",
            "101,nan",
            ClosesRow,
            "row 3, column ETH_usd: 'nan' is not a number; write it in digits such as 1234.56",
        ),
        (
            "101,11",
            "101,1e-40",
            ClosesRow,
            "row 3, column ETH_usd: '1e-40' has more than 36 decimals; round it to 36 decimals",
        ),
        (
            "2022-01-02",
            "2022-02-30",
            ClosesDate,
            "row 3, column date: '2022-02-30' is not a day of the calendar; write it as 2022-02-14",
        ),
        (
            "2022-01-02",
            "20220102",
            ClosesDate,
            "row 3, column date: '20220102' is not a day of the calendar; write it as 2022-02-14",
        ),
        (
            "2022-01-02",
            "",
            ClosesDate,
            "row 3, column date: is empty; write it as 2022-02-14",
        ),
        (
            "2022-01-02",
            "2022-01-01",
            ClosesDate,
            "row 3, column date: '2022-01-01' stands twice; keep one row per day",
        ),
        (
            "2022-01-02",
            "2021-12-31",
            ClosesDate,
            "row 3, column date: '2021-12-31' comes after '2022-01-01'; sort the rows by date",
        ),
        (
            "2022-01-03",
            "2022-01-04",
            ClosesDate,
            (
                "row 4, column date: '2022-01-04' follows '2022-01-02', a day is missing; "
                "add a row for each missing day, with empty cells where there is no price"
            ),
        ),
    ],
)
def test_parse_closes__one_thing_wrong__is_named_with_its_fix(old, new, error, line):
    assert len(parse_closes(GOOD).days) == 3
    assert old in GOOD

    with pytest.raises(error) as refused:
        parse_closes(GOOD.replace(old, new, 1))

    assert str(refused.value) == line


def test_read_closes__byte_order_mark__is_no_part_of_the_header(tmp_path):
    path = tmp_path / "closes.csv"
    path.write_text(GOOD, encoding="utf-8-sig")

    assert read_closes(path) == parse_closes(GOOD)


def test_read_closes__file_that_is_no_text__is_refused(tmp_path):
    path = tmp_path / "closes.csv"
    path.write_bytes(GOOD.encode() + b"\xff")

    with pytest.raises(ClosesUnreadable, match=r"byte 75 is not UTF-8 text; save it as CSV"):
        read_closes(path)


def test_parse_closes__endless_cell__is_refused():
    with pytest.raises(ClosesUnreadable, match=r"^the file: is not CSV \(field larger"):
        parse_closes(GOOD.replace("11", "1" * 200_000))


def test_read_closes__no_file_or_a_folder__is_refused(tmp_path):
    with pytest.raises(ClosesUnreadable, match=r"no such file or directory; give the path"):
        read_closes(tmp_path / "absent.csv")
    with pytest.raises(ClosesUnreadable, match=r"is a directory; give the path"):
        read_closes(tmp_path)
