import random

from hypothesis import given
from hypothesis import strategies as st

from events.collector.positions import Progress, progress_from_row
from events.engine.bus import Batch
from events.engine.spool import START, Position


def _batch(after: Position, end: Position, acked: Position = START) -> Batch:
    return Batch("spool", after=after, end=end, acked=acked, data=b"")


def test_consecutive_batches_move_the_position():
    progress = Progress().with_batches([_batch(START, Position(1, 10)), _batch(Position(1, 10), Position(1, 30))])
    assert progress == Progress(Position(1, 30))


def test_a_batch_that_came_before_its_predecessor_waits_beside_the_position():
    late = Progress().with_batches([_batch(Position(1, 10), Position(1, 30))])
    assert late == Progress(START, ((Position(1, 10), Position(1, 30)),))
    assert late.with_batches([_batch(START, Position(1, 10))]) == Progress(Position(1, 30))


def test_a_batch_written_before_is_covered_and_one_that_reaches_further_is_not():
    progress = Progress(Position(1, 30), ((Position(2, 0), Position(2, 50)),))
    assert progress.covers(_batch(START, Position(1, 30)))
    assert progress.covers(_batch(Position(2, 10), Position(2, 50)))
    assert not progress.covers(_batch(Position(1, 10), Position(1, 31)))
    assert not progress.covers(_batch(Position(1, 40), Position(2, 50)))


def test_an_unknown_spool_starts_where_its_shipper_knows_it_confirmed():
    progress = Progress().with_batches([_batch(Position(4, 0), Position(4, 9), acked=Position(4, 0))])
    assert progress == Progress(Position(4, 9))


def test_progress_survives_its_row():
    progress = Progress(Position(1, 5), ((Position(2, 0), Position(2, 7)),))
    assert progress_from_row(1, 5, progress.ahead_as_lists()) == progress


@given(st.lists(st.integers(1, 50), min_size=1, max_size=20), st.integers(), st.data())
def test_any_order_and_repetition_of_all_batches_ends_at_the_end(sizes: list[int], seed: int, data: st.DataObject):
    ends = [Position(1, sum(sizes[: number + 1])) for number in range(len(sizes))]
    batches = [_batch(after, end) for after, end in zip([START, *ends[:-1]], ends, strict=True)]
    deliveries = batches + data.draw(st.lists(st.sampled_from(batches), max_size=10))
    random.Random(seed).shuffle(deliveries)
    progress = Progress()
    for delivery in deliveries:
        progress = progress.with_batches([delivery])
    assert progress == Progress(ends[-1])
