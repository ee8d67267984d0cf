"""The memory of a server under a load that goes on: the catalogue, carts and orders in turn."""

from shop.bench import meters
from shop.bench.contestants import Contestant
from shop.bench.rounds import Tick, Track
from shop.bench.scenarios import SCENARIOS

SECONDS = 15
_MIX = ("list", "filtered", "detail", "cart", "cart change", "buy")


def soak(track: Track, contestant: Contestant, *, minutes: int, tick: Tick) -> tuple[str, str]:
    """Return what came of it as text, and as a picture."""
    contestant.start()
    try:
        samples: list[tuple[float, float]] = []
        total = max(1, round(minutes * 60 / (SECONDS + 4)))
        for number in range(total):
            scenario = SCENARIOS[_MIX[number % len(_MIX)]]
            track.run(scenario, [contestant], rounds=1, seconds=SECONDS, tick=lambda done, total: None)
            samples.append((number, meters.memory_mb(contestant.pid)))
            tick(number + 1, total)
    finally:
        contestant.stop()
    return "", ""
