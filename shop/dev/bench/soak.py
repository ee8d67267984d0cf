import time
from dataclasses import dataclass, field

from shop.dev.bench import meters
from shop.dev.bench.contestants import Contestant
from shop.dev.bench.rounds import Tick, Track
from shop.dev.bench.scenarios import SCENARIOS

SECONDS = 15
# Every thread has served every kind of request.
WARM_UP_MINUTES = 2.0
_MIX = ("list", "filtered", "detail", "cart", "cart change", "buy")


@dataclass
class Soak:
    """``samples``: pairs of minutes and megabytes."""

    samples: list[tuple[float, float]] = field(default_factory=list)
    requests: int = 0
    errors: int = 0

    @property
    def growth_mb(self) -> float:
        """Compare the last third of the time with the first, without warm-up."""
        warm = [megabytes for minutes, megabytes in self.samples if minutes > WARM_UP_MINUTES] or [0.0]
        third = max(1, len(warm) // 3)
        return sum(warm[-third:]) / third - sum(warm[:third]) / third

    def __str__(self) -> str:
        if not self.samples:
            return "Nothing was measured."
        minutes, megabytes = self.samples[-1]
        return (
            f"{self.requests:,} requests in {minutes:.0f} minutes, {self.errors} errors, {megabytes:.0f} MB at the "
            f"end; {self.growth_mb:+.1f} MB in the last third of the time against the first third after the warm-up."
        )


def soak(track: Track, contestant: Contestant, *, minutes: int, tick: Tick) -> Soak:
    """Raises as `Track.run` does."""
    result = Soak()
    began = time.monotonic()
    contestant.start()
    try:
        step = 0
        while (passed := (time.monotonic() - began) / 60) < minutes:
            scenario = SCENARIOS[_MIX[step % len(_MIX)]]
            rounds = track.run(scenario, [contestant], rounds=1, seconds=SECONDS, tick=lambda *_: None)
            for each in rounds.values():
                result.requests += sum(round(one.rate * SECONDS) for one in each.rounds)
                result.errors += each.errors
            result.samples.append(((time.monotonic() - began) / 60, meters.memory_mb(contestant.pid)))
            tick(int(passed * 60), minutes * 60)
            step += 1
    finally:
        contestant.stop()
    return result
