"""Date Convert against the documented token table and edge cases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_project.lib.errors import MappingError
from mappings.dates import add_day, check_format, check_zone, conversion, convert

FN = "YYYY-MM-DD HH:mm:ss"
ISO = "YYYY-MM-DDTHH:mm:ssZ"
INSTANT = 1772600767089  # 3 March 2026 23:06:07.089 in Chicago


def failure(value: object, **formats: str) -> str:
    with pytest.raises(MappingError) as caught:
        convert(value, **formats)
    return caught.value.sentence


@pytest.mark.parametrize(
    ("token", "printed"),
    [
        ("YYYY", "2026"), ("YY", "26"), ("M", "3"), ("MM", "03"), ("MMM", "Mar"), ("MMMM", "March"),
        ("D", "3"), ("DD", "03"), ("Do", "3rd"), ("ddd", "Tue"), ("dddd", "Tuesday"),
        ("H", "23"), ("HH", "23"), ("h", "11"), ("hh", "11"), ("A", "PM"), ("a", "pm"),
        ("m", "6"), ("mm", "06"), ("s", "7"), ("ss", "07"), ("SSS", "089"),
        ("Z", "-06:00"), ("ZZ", "-0600"), ("X", "1772600767"), ("x", "1772600767089"),
        ("[text] YYYY", "text 2026"),
    ],
)  # fmt: skip
def test_each_token_prints_as_documented(token: str, printed: str) -> None:
    assert convert(INSTANT, input_format="x", output_format=token, timezone_out="America/Chicago") == printed


@pytest.mark.parametrize(
    ("fmt", "text", "expected"),
    [
        ("YYYY-MM-DD", "2026-03-03", "2026-03-03 00:00:00"),
        ("YY-M-D", "68-3-3", "2068-03-03 00:00:00"),
        ("YY-M-D", "69-03-03", "1969-03-03 00:00:00"),
        ("M/D/YYYY", "03/03/2026", "2026-03-03 00:00:00"),
        ("MM/DD/YYYY", "3/3/2026", "2026-03-03 00:00:00"),
        ("D MMM YYYY", "3 mAR 2026", "2026-03-03 00:00:00"),
        ("MMMM D, YYYY", "march 3, 2026", "2026-03-03 00:00:00"),
        ("MMMM Do YYYY", "March 1st 2026", "2026-03-01 00:00:00"),
        ("MMMM Do YYYY", "March 2nd 2026", "2026-03-02 00:00:00"),
        ("MMMM Do YYYY", "March 3rd 2026", "2026-03-03 00:00:00"),
        ("MMMM Do YYYY", "March 4th 2026", "2026-03-04 00:00:00"),
        ("ddd D MMM YYYY", "tue 3 Mar 2026", "2026-03-03 00:00:00"),
        ("dddd D MMM YYYY", "Tuesday 3 Mar 2026", "2026-03-03 00:00:00"),
        ("YYYY-MM-DD h:mm A", "2026-03-03 12:05 AM", "2026-03-03 00:05:00"),
        ("YYYY-MM-DD h:mm A", "2026-03-03 12:05 pm", "2026-03-03 12:05:00"),
        ("YYYY-MM-DD hh:mm a", "2026-03-03 11:06 PM", "2026-03-03 23:06:00"),
        ("YYYY-MM-DD H:m:s", "2026-03-03 7:6:5", "2026-03-03 07:06:05"),
        ("YYYY-MM-DD HH:mm A", "2026-03-03 11:06 PM", "2026-03-03 23:06:00"),
        ("YYYYMMDDHHmmss", "20260303230607", "2026-03-03 23:06:07"),
        ("YYYY-MM", "2026-03", "2026-03-01 00:00:00"),
        ("YYYY", "2026", "2026-01-01 00:00:00"),
        (FN, "2026-03-03 23:06:07.089", "2026-03-03 23:06:07"),
        (ISO, "2026-03-03T23:06:07+02:00", "2026-03-03 21:06:07"),
        (ISO, "2026-03-03T23:06:07+0200", "2026-03-03 21:06:07"),
        (ISO, "2026-03-03T23:06:07Z", "2026-03-03 23:06:07"),
        ("YYYY-MM-DDTHH:mm:ssZZ", "2026-03-03T23:06:07-06:00", "2026-03-04 05:06:07"),
        ("YYYY-MM-DDTHH:mm:ss.SSSZ", "2026-03-03T23:06:07.089Z", "2026-03-03 23:06:07"),
        ("YYYY-MM-DDTHH:mm:ss[Z]", "2026-03-03T23:06:07Z", "2026-03-03 23:06:07"),
        ("[on] YYYY-MM-DD", "on 2026-03-03", "2026-03-03 00:00:00"),
        ("X", "1772600767", "2026-03-04 05:06:07"),
        ("X", 1772600767, "2026-03-04 05:06:07"),
        ("X", 1772600767.0, "2026-03-04 05:06:07"),
        ("X", "1772600767.089", "2026-03-04 05:06:07"),
        ("X", 0, "1970-01-01 00:00:00"),
        ("X", -1, "1969-12-31 23:59:59"),
        ("x", INSTANT, "2026-03-04 05:06:07"),
        ("x", float(INSTANT), "2026-03-04 05:06:07"),
        ("x", str(INSTANT), "2026-03-04 05:06:07"),
    ],
)
def test_each_token_is_read_as_documented(fmt: str, text: object, expected: str) -> None:
    assert convert(text, input_format=fmt, output_format=FN) == expected


@pytest.mark.parametrize(
    ("hour", "printed"), [(0, "12:00 AM"), (1, "1:00 AM"), (11, "11:00 AM"), (12, "12:00 PM"), (13, "1:00 PM")]
)
def test_midnight_and_noon_print_twelve(hour: int, printed: str) -> None:
    assert convert(f"2026-07-01 {hour:02d}:00:00", input_format=FN, output_format="h:mm A") == printed


@pytest.mark.parametrize(
    ("day", "printed"),
    [
        (1, "1st"),
        (2, "2nd"),
        (3, "3rd"),
        (4, "4th"),
        (11, "11th"),
        (12, "12th"),
        (13, "13th"),
        (21, "21st"),
        (22, "22nd"),
    ],
)
def test_ordinals_print_their_own_suffix(day: int, printed: str) -> None:
    assert convert(f"2026-07-{day:02d}", input_format="YYYY-MM-DD", output_format="Do") == printed


@pytest.mark.parametrize(
    ("digits", "milliseconds"), [("5", "500"), ("05", "050"), ("089", "089"), ("0894", "089"), ("999999", "999")]
)
def test_sss_reads_a_fraction_of_a_second(digits: str, milliseconds: str) -> None:
    assert convert(f"07.{digits}", input_format="ss.SSS", output_format="SSS") == milliseconds


def test_the_documented_example_of_the_action() -> None:
    result = convert(
        "2026-07-02 14:00:00", input_format=FN, output_format="DD MMM YYYY, h:mm A", timezone_out="America/Denver"
    )
    assert result == "02 Jul 2026, 8:00 AM"


def test_zulu_prints_as_a_numeric_offset_and_needs_brackets_for_the_letter() -> None:
    assert convert("2026-07-01", input_format="YYYY-MM-DD", output_format=ISO) == "2026-07-01T00:00:00+00:00"
    assert convert("2026-07-01", input_format="YYYY-MM-DD", output_format="HH:mm[Z]") == "00:00Z"


@pytest.mark.parametrize(
    ("fmt", "text"),
    [
        ("YYYY-MM-DD", "07/01/2026"),
        ("YYYY-MM-DD HH:mm", "2026-07-01"),
        ("YYYY-MM-DD", "2026-07-01 14:00:00"),
        ("YYYY-MM-DD", "2026-07-01 "),
        ("YYYY-MM-DD", " 2026-07-01"),
        ("YYYY-MM-DD", "2026-07-01\n"),
        ("YYYY-MM-DD", "٢٠٢٦-07-01"),
        (FN, "2026-07-01 14:00:00Z"),
        ("[on] YYYY", "2026"),
        ("MMM YYYY", "March 2026"),
        ("YYYYMMDD", "202671"),
        ("X", "soon"),
        (ISO, "2026-07-01T14:00:00"),
        (FN, "Invalid date"),
    ],
)
def test_text_that_does_not_fit_to_the_last_character_is_refused(fmt: str, text: str) -> None:
    assert "does not fit the date format " + fmt in failure(text, input_format=fmt, output_format=FN)


@pytest.mark.parametrize(
    ("fmt", "text"),
    [
        ("YYYY-MM-DD", "2026-02-30"),
        ("YYYY-MM-DD", "2026-02-29"),
        ("YYYY-MM-DD", "2026-13-01"),
        ("YYYY-MM-DD", "0000-00-00"),
        (FN, "2026-07-01 24:00:00"),
        (FN, "2026-07-01 14:60:00"),
        (FN, "2026-07-01 14:00:60"),
        ("YYYY-MM-DD h A", "2026-07-01 0 AM"),
        ("YYYY-MM-DD h A", "2026-07-01 13 PM"),
        ("YYYY-MM-DD H A", "2026-07-01 14 AM"),
        (ISO, "2026-07-01T14:00:00+25:00"),
        (ISO, "2026-07-01T14:00:00+02:60"),
    ],
)
def test_a_date_that_does_not_exist_is_refused(fmt: str, text: str) -> None:
    assert failure(text, input_format=fmt, output_format=FN) == f'"{text}" is not a date or time that exists.'


def test_a_wrong_weekday_is_refused() -> None:
    sentence = failure("Mon 3 Mar 2026", input_format="ddd D MMM YYYY", output_format=FN)
    assert sentence == '"Mon 3 Mar 2026" names the wrong weekday: that day is a Tuesday.'


@pytest.mark.parametrize("value", [True, False, None, [], {}, ["2026-07-01"]])
def test_what_is_no_text_or_number_is_refused(value: object) -> None:
    assert "is no date" in failure(value, input_format="YYYY-MM-DD", output_format=FN)


def test_a_number_is_refused_unless_the_format_is_unix_time() -> None:
    assert "only the formats X and x" in failure(20260701, input_format="YYYYMMDD", output_format=FN)
    assert "only the formats X and x" in failure(0, input_format=FN, output_format=FN)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**17, "9" * 18, -(10**17)])
def test_unix_times_beyond_the_calendar_are_refused(value: object) -> None:
    for fmt in ("X", "x"):
        failure(value, input_format=fmt, output_format=FN, timezone_out="Asia/Tokyo")


@pytest.mark.parametrize("text", ["0001-01-01 00:00:00", "9999-12-31 23:59:59"])
def test_a_zone_shift_out_of_the_calendar_is_refused(text: str) -> None:
    zones = {"timezone_out": "America/Denver"} if text[0] == "0" else {"timezone_out": "Asia/Tokyo"}
    assert "outside the years" in failure(text, input_format=FN, output_format=FN, **zones)


def test_an_offset_in_the_text_wins_over_the_zone() -> None:
    text = convert("2026-07-01T14:00:00Z", input_format=ISO, output_format=FN, timezone_in="America/Denver")
    assert text == "2026-07-01 14:00:00"


def test_unix_time_ignores_the_zone() -> None:
    assert convert("0", input_format="X", output_format=FN, timezone_in="America/Denver") == "1970-01-01 00:00:00"


@pytest.mark.parametrize(
    ("clock", "zone_out", "expected"),
    [
        ("2026-03-08 02:30:00", "America/New_York", "2026-03-08T03:30:00-04:00"),
        ("2026-03-08 02:30:00", "UTC", "2026-03-08T07:30:00+00:00"),
        ("2026-11-01 01:30:00", "America/New_York", "2026-11-01T01:30:00-04:00"),
        ("2026-11-01 01:30:00", "UTC", "2026-11-01T05:30:00+00:00"),
        ("2026-07-01 14:00:00", "America/New_York", "2026-07-01T14:00:00-04:00"),
    ],
)
def test_gap_hours_move_on_and_doubled_hours_are_the_first(clock: str, zone_out: str, expected: str) -> None:
    result = convert(clock, input_format=FN, output_format=ISO, timezone_in="America/New_York", timezone_out=zone_out)
    assert result == expected


@pytest.mark.parametrize(
    ("fmt", "part"),
    [
        ("YYYYY", "YYYYY"), ("Y", "Y is"), ("yyyy-MM-DD", "Use YYYY"), ("YYYY-MM-dd", "Use D or DD"), ("DDD", "DDD"),
        ("DDDD", "DDDD"), ("d", "Use D or DD"), ("Q", "Q"), ("Qo", "Q"), ("w", "w"), ("ww", "ww"), ("W", "W"),
        ("E", "E"),
        ("e", "e"), ("k", "Use H or HH"), ("kk", "kk"), ("L", "L"), ("LT", "L"), ("LTS", "L"), ("LLLL", "LLLL"),
        ("l", "l"), ("gg", "gg"), ("GGGG", "GGGG"), ("N", "N"), ("z", "z"), ("zz", "zz"), ("S", "Use SSS"),
        ("SS", "Use SSS"), ("SSSSSS", "Use SSS"), ("Mo", "Mo"), ("MMMMM", "MMMMM"), ("HHH", "HHH"), ("", "missing"),
        ("[YYYY", "never closed"), ("\\YYYY", "backslash"), ("[only text]", "no date token"), ("-/-", "no date token"),
        ("YYYY" + " " * 200, "longer than 200"),
    ],
)  # fmt: skip
def test_formats_that_would_print_wrongly_are_refused_at_save_time(fmt: str, part: str) -> None:
    for parsing in (True, False):
        with pytest.raises(MappingError) as caught:
            check_format(fmt, parsing=parsing)
        assert part in caught.value.sentence


@pytest.mark.parametrize(
    ("fmt", "part"),
    [
        ("YYYY-mm-DD", "reads the day but not the month"),
        ("MM-DD", "reads the month but not the year"),
        ("DD", "reads the day but not the month"),
        ("YYYY-MM-DD hh:mm", "morning or evening"),
        ("YYYY-MM-DD A", "without an hour"),
        ("YYYY-MM-DD HH h A", "the hour twice"),
        ("YYYY YYYY", "the year twice"),
        ("X YYYY", "X or x alone"),
    ],
)
def test_formats_that_leave_a_date_open_are_refused_for_reading_only(fmt: str, part: str) -> None:
    check_format(fmt, parsing=False)
    with pytest.raises(MappingError) as caught:
        check_format(fmt, parsing=True)
    assert part in caught.value.sentence


def test_letters_that_are_no_token_pass_through() -> None:
    assert convert("2026-07-01", input_format="YYYY-MM-DD", output_format="YYYYTMM 100%") == "2026T07 100%"


def test_a_time_without_a_date_can_be_rewritten_but_not_moved() -> None:
    assert convert("14:05", input_format="HH:mm", output_format="h:mm A") == "2:05 PM"
    assert convert("14:05", input_format="HH:mm", output_format="h:mm A", timezone_in="Asia/Tokyo",
                   timezone_out="Asia/Tokyo") == "2:05 PM"  # fmt: skip
    for output, zone in (
        ("YYYY HH", "UTC"),
        ("dddd", "UTC"),
        ("HH:mm Z", "UTC"),
        ("X", "UTC"),
        ("h:mm A", "Asia/Tokyo"),
    ):
        assert "holds no date" in failure("14:05", input_format="HH:mm", output_format=output, timezone_out=zone)


@pytest.mark.parametrize("name", ["UTC", "America/Denver", "Europe/Berlin", "EST", "Etc/GMT+5"])
def test_iana_zones_are_accepted(name: str) -> None:
    check_zone(name)


@pytest.mark.parametrize(
    "name",
    ["CST", "Mars/Olympus", "", "America", "../etc/passwd", "/etc/localtime", "localtime", "right/UTC", "+02:00"],
)
def test_other_zones_are_refused(name: str) -> None:
    with pytest.raises(MappingError) as caught:
        check_zone(name)
    assert caught.value.sentence == f'There is no time zone "{name}". Use an IANA name such as America/Denver.'


def test_a_zone_in_the_wrong_case_is_refused_with_the_right_name() -> None:
    with pytest.raises(MappingError) as caught:
        check_zone("america/denver")
    assert caught.value.sentence == 'There is no time zone "america/denver". Did you mean America/Denver?'


@pytest.mark.parametrize(
    ("value", "fmt", "expected"),
    [
        ("2026-07-01 14:00:00", "", "2026-07-02 14:00:00"),
        ("2026-12-31", "", "2027-01-01"),
        ("2028-02-28", "", "2028-02-29"),
        ("2026-07-01T14:00:00Z", "", "2026-07-02T14:00:00Z"),
        ("2026-07-01T14:00:00.123+02:00", "", "2026-07-02T14:00:00.123+02:00"),
        ("2026-07-01T14:00:00+0200", "", "2026-07-02T14:00:00+0200"),
        ("2026-07-01T14:00", "", "2026-07-02T14:00"),
        ("0999-12-31", "", "1000-01-01"),
        ("31/12/2026", "DD/MM/YYYY", "01/01/2027"),
        ("Tue 3 Mar 2026", "ddd D MMM YYYY", "Wed 4 Mar 2026"),
        ("2026-03-07 02:30 -05:00", "YYYY-MM-DD HH:mm Z", "2026-03-08 02:30 -05:00"),
        ("1772600767", "X", "1772687167"),
        (1772600767, "X", "1772687167"),
        ("", "", ""),
        ("", "DD/MM/YYYY", ""),
        (None, "", ""),
    ],
)
def test_add_day_keeps_the_clock_and_the_format(value: object, fmt: str, expected: str) -> None:
    assert add_day(value, input_format=fmt) == expected


@pytest.mark.parametrize(
    ("value", "fmt"),
    [
        ("07/01/2026", ""), ("2026-02-30", ""), ("2026-07-01 25:00:00", ""), ("2026-07-01 14:00", ""), (20260701, ""),
        ("9999-12-31", ""), ("2026-07-01T14:00:00+99:99", ""), ("2026-07-01", "DD/MM/YYYY"), ("14:00", "HH:mm"),
        ("2026-07", "YYYY-MM"), ("9999-12-31", "YYYY-MM-DD"), (True, "X"), ([], ""),
    ],
)  # fmt: skip
def test_add_day_refuses_what_it_cannot_read(value: object, fmt: str) -> None:
    with pytest.raises(MappingError):
        add_day(value, input_format=fmt)


ZONES = ["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Chatham", "Australia/Lord_Howe"]
MOMENTS = st.datetimes(datetime(1980, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0)
)


@settings(max_examples=60, deadline=None)
@given(moment=MOMENTS, there=st.sampled_from(ZONES), back=st.sampled_from(ZONES))
def test_a_conversion_with_offset_keeps_the_instant(moment: datetime, there: str, back: str) -> None:
    text = moment.strftime("%Y-%m-%d %H:%M:%S")
    away = convert(text, input_format=FN, output_format=ISO, timezone_out=there)
    assert datetime.fromisoformat(away) == moment
    assert convert(away, input_format=ISO, output_format=FN, timezone_in=back) == text


@settings(max_examples=60, deadline=None)
@given(moment=MOMENTS, zone=st.sampled_from(ZONES))
@pytest.mark.parametrize(
    "fmt", ["dddd, D MMMM YYYY h:mm:ss a Z", "YYYYMMDD[at]HHmmssZZ", "ddd Do MMM YYYY hh:mm:ss A ZZ", "X", "x"]
)
def test_every_format_reads_back_what_it_printed(fmt: str, moment: datetime, zone: str) -> None:
    printed = convert(moment.timestamp(), input_format="X", output_format=fmt, timezone_out=zone)
    assert convert(printed, input_format=fmt, output_format="X") == str(int(moment.timestamp()))


@settings(max_examples=60, deadline=None)
@given(moment=MOMENTS, zone=st.sampled_from(ZONES))
def test_reading_in_a_zone_agrees_with_the_standard_library(moment: datetime, zone: str) -> None:
    clock = moment.strftime("%Y-%m-%d %H:%M:%S")
    expected = moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    result = convert(clock, input_format=FN, output_format=FN, timezone_in=zone)
    assert result == expected.strftime("%Y-%m-%d %H:%M:%S")


@settings(max_examples=200, deadline=None)
@given(
    text=st.text(max_size=25) | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", fullmatch=True)
)
def test_any_text_gives_a_date_or_a_mapping_error(text: str) -> None:
    makes: tuple[Callable[[], object], ...] = (
        lambda: convert(text, input_format=FN, output_format=FN, timezone_in="Asia/Tokyo"),
        lambda: add_day(text),
    )
    for make in makes:
        try:
            assert isinstance(make(), str)
        except MappingError as error:
            assert error.sentence.endswith(".")  # noqa: PT017 - both ends are right


@settings(max_examples=60, deadline=None)
@given(day=st.dates(max_value=datetime(9999, 12, 30, tzinfo=UTC).date()))
def test_add_day_is_the_next_calendar_day(day: datetime) -> None:
    assert add_day(day.isoformat()) == (day + timedelta(days=1)).isoformat()
    assert add_day(day.isoformat(), input_format="YYYY-MM-DD") == (day + timedelta(days=1)).isoformat()


def test_compiled_conversions_are_shared() -> None:
    assert conversion(FN, ISO, "UTC", "UTC") is conversion(FN, ISO, "UTC", "UTC")
