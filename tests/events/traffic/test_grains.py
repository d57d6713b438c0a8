"""How time is cut: every minute of a stretch is in exactly one piece."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from events.traffic.grains import GRAINS, Grain, pieces, snapped
from events.traffic.histogram import bounds_ms, percentiles_ms
from events.traffic.reading import Stretch, axis

NOW = datetime(2026, 3, 9, 14, 37, 12, tzinfo=UTC)
MINUTES = st.integers(0, 200 * 1440)


@given(MINUTES, MINUTES)
def test_pieces_cover_the_stretch_without_gap_or_overlap(first: int, second: int):
    start, end = sorted((first * 60, second * 60))
    found = sorted(pieces(start, end), key=lambda piece: piece.start_s)
    assert sum(piece.end_s - piece.start_s for piece in found) == end - start
    assert all(one.end_s == following.start_s for one, following in pairwise(found))
    assert all(edge % piece.grain.width_s == 0 for piece in found for edge in (piece.start_s, piece.end_s))
    assert len(found) <= 2 * len(GRAINS) - 1


def test_the_edge_of_a_range_is_as_fine_as_what_is_kept():
    assert snapped(NOW - timedelta(hours=1), NOW) % Grain.MINUTE.width_s == 0
    assert snapped(NOW - timedelta(days=4), NOW) % Grain.QUARTER.width_s == 0
    assert snapped(NOW - timedelta(days=100), NOW) % Grain.HOUR.width_s == 0
    assert snapped(NOW - timedelta(days=2_000), NOW) % Grain.DAY.width_s == 0


def test_steps_begin_where_the_viewers_day_does():
    over = axis(Stretch(1_700_000_000 // 60 * 60, 1_700_200_000 // 60 * 60), 21_600, 19_800)
    assert all((second + 19_800) % 21_600 == 0 for second in over.points)
    assert over.points[0] <= over.stretch.start_s < over.points[1]


def test_nothing_has_no_percentiles():
    assert percentiles_ms({}) == [None, None, None]


def test_a_percentile_lies_in_the_bucket_of_its_call():
    histogram = {0: 3, 40: 90, 60: 7}
    p50, p95, p99 = percentiles_ms(histogram)
    assert p50 is not None
    assert p95 is not None
    assert p99 is not None
    assert bounds_ms(40)[0] <= p50 <= bounds_ms(40)[1]
    assert bounds_ms(60)[0] <= p95 <= p99 <= bounds_ms(60)[1]
