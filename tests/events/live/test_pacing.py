from events.live.pacing import Beat, RateCap


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_cap_lets_one_seconds_worth_through_at_once_and_then_its_rate():
    clock = Clock()
    cap = RateCap(10, monotonic=clock)
    assert sum(cap.admit() for _ in range(50)) == 10
    clock.now += 0.5
    assert sum(cap.admit() for _ in range(50)) == 5
    clock.now += 60
    assert sum(cap.admit() for _ in range(50)) == 10


def test_without_a_cap_everything_passes():
    assert all(RateCap(None).admit() for _ in range(5_000))


def test_a_beat_sends_at_once_after_a_pause_and_else_waits():
    clock = Clock()
    beat = Beat(0.1, monotonic=clock)
    assert beat.wait_s() == 0
    beat.sent()
    clock.now += 0.04
    assert round(beat.wait_s(), 3) == 0.06
    clock.now += 5
    assert beat.wait_s() == 0
