import pytest

from clearing.risk.decimal_text import parse_scaled, rounded_text, scaled_text
from clearing.risk.errors import NumberError


@pytest.mark.parametrize(
    ("text", "scaled"),
    [
        ("0", 0),
        ("52500", 52_500_000),
        ("-1.5", -1_500),
        ("+.5", 500),
        ("1.", 1_000),
        ("2.5e3", 2_500_000),
        ("25E-2", 250),
        ("1.2300", 1_230),
    ],
)
def test_parse_scaled__decimal_text__is_exact(text, scaled):
    assert parse_scaled(text, 3, "field") == scaled


@pytest.mark.parametrize(
    "text",
    ["ten", "1,000", "1 000", "nan", "inf", "0x10", "1e", "1e999", ".", "-", "--1", "٣", "1\n"],
)
def test_parse_scaled__other_text__is_refused_in_one_line(text):
    with pytest.raises(NumberError) as refused:
        parse_scaled(text, 3, "field")

    assert str(refused.value).startswith("field: '")
    assert str(refused.value).endswith(" is not a number; write it in digits such as 1234.56")
    assert "\n" not in str(refused.value)


def test_parse_scaled__empty__says_so():
    with pytest.raises(NumberError, match=r"^field: is empty; "):
        parse_scaled("", 3, "field")


def test_parse_scaled__one_decimal_too_many__is_refused_not_rounded():
    assert parse_scaled("0.001", 3, "field") == 1

    with pytest.raises(NumberError, match=r"'0\.0011' has more than 3 decimals; round it to 3"):
        parse_scaled("0.0011", 3, "field")


def test_parse_scaled__endless_digits__are_refused_and_cut_in_the_message():
    with pytest.raises(NumberError) as refused:
        parse_scaled("9" * 10_000, 3, "field")

    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    ("scaled", "text"), [(0, "0"), (-1_500, "-1.5"), (1, "0.001"), (52_500_000, "52500")]
)
def test_scaled_text__integer__is_the_shortest_exact_text(scaled, text):
    assert scaled_text(scaled, 3) == text


@pytest.mark.parametrize(
    ("scaled", "text"),
    [(53_889_800, "53,889.80"), (4, "0.00"), (5, "0.01"), (-5, "-0.01"), (999_995, "1,000.00")],
)
def test_rounded_text__thousandths__go_to_the_nearest_cent(scaled, text):
    assert rounded_text(scaled, 3, 2) == text


def test_rounded_text__no_places__has_no_point():
    assert rounded_text(1_234_500, 3, 0) == "1,235"
