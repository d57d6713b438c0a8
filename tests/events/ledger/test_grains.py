"""Any stretch of time is put together of rollup rows without a gap or an overlap."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from events.ledger.grains import (
    ALL_GRAINS,
    QUARTER_MS,
    TAG_GRAINS,
    USER_GRAINS,
    Grain,
    Piece,
    ceil_quarter,
    floor_quarter,
    pieces,
)

DAY_MS = 86_400_000
quarters = st.integers(0, 100_000).map(lambda number: number * QUARTER_MS)


def test_whole_days_are_days():
    assert pieces(0, 3 * DAY_MS) == [Piece(Grain.DAY, 0, 3 * DAY_MS)]


def test_many_days_are_few_rows():
    assert pieces(0, 66 * DAY_MS) == [
        Piece(Grain.THIRTY_DAYS, 0, 60 * DAY_MS),
        Piece(Grain.FIVE_DAYS, 60 * DAY_MS, 65 * DAY_MS),
        Piece(Grain.DAY, 65 * DAY_MS, 66 * DAY_MS),
    ]


def test_a_day_of_a_zone_half_an_hour_off_is_finer_towards_its_edges():
    start = DAY_MS - 19_800_000  # midnight in India, 18:30 in UTC
    assert pieces(start, start + DAY_MS) == [
        Piece(Grain.QUARTER, start, start + 1_800_000),
        Piece(Grain.HOUR, start + 1_800_000, DAY_MS),
        Piece(Grain.SIX_HOURS, DAY_MS, DAY_MS + 64_800_000),
        Piece(Grain.QUARTER, DAY_MS + 64_800_000, start + DAY_MS),
    ]


def test_each_grain_is_made_of_whole_rows_of_the_next():
    widths = [grain.width_ms for grain in ALL_GRAINS]
    assert all(wide % narrow == 0 for wide, narrow in pairwise(widths))


def test_an_empty_stretch_has_no_pieces():
    assert pieces(DAY_MS, DAY_MS) == []


@given(quarters, quarters, st.sampled_from([ALL_GRAINS, TAG_GRAINS, USER_GRAINS]))
def test_pieces_cover_every_quarter_once(start, end, grains):
    found = pieces(start, end, grains)
    covered = [quarter for piece in found for quarter in range(piece.start_ms, piece.end_ms, QUARTER_MS)]
    assert covered == list(range(start, end, QUARTER_MS))


@given(quarters, quarters, st.sampled_from([ALL_GRAINS, TAG_GRAINS, USER_GRAINS]))
def test_pieces_are_aligned_to_their_grain_and_few(start, end, grains):
    found = pieces(start, end, grains)
    assert all(not (piece.start_ms % piece.grain.width_ms or piece.end_ms % piece.grain.width_ms) for piece in found)
    assert len(found) <= 2 * len(grains) - 1


@given(st.integers(0, 10**13))
def test_rounding_to_quarters_encloses_the_instant(instant):
    assert floor_quarter(instant) <= instant <= ceil_quarter(instant)
    assert ceil_quarter(instant) - floor_quarter(instant) in (0, QUARTER_MS)
