"""The peer of the dynamics bench: a pipeline as it is in field use, one controller of the closed loop.

Every 2 s: what the vehicle could have (limit or surplus less the rest) is smoothed exponentially with 0.3, the wish
that follows (grace 5 min at the minimum, pause 3 min) is smoothed with 0.3 again, differences under 0.3 A are left
alone, and the rest is followed by at most +0.1 and −0.2 A/s. A command leaves every 15 s.
"""

from dataclasses import dataclass

from bench.closed_loop import BREAKER_A, LEAST_A, MOST_A
from evenload.contracts.events import LoadState, MeterReading

CYCLE_S, COMMAND_S = 2.0, 15.0
SMOOTHING, DEAD_BAND_A = 0.3, 0.3
UP_A_PER_S, DOWN_A_PER_S = 0.1, 0.2
GRACE_S, PAUSE_S = 300.0, 180.0
MARGIN_A = 0.5


@dataclass
class Pipeline:
    """The peer; `solar` says whether the vehicle lives from surplus or from what the breaker leaves."""

    solar: bool
    net_a: float = 0.0
    drawn_a: float = 0.0
    smooth_in_a: float | None = None
    smooth_out_a: float = 0.0
    current_a: float = 0.0
    below_s: float | None = None
    paused_until_s: float = -1e9
    cycle_s: float = 0.0
    command_s: float = 0.0

    def hear(self, news: MeterReading | LoadState, now_s: float) -> None:
        """Keep what the meter reads and what the vehicle was last measured to draw."""
        if isinstance(news, MeterReading):
            self.net_a = news.current_a.l1 or 0.0 if news.current_a is not None else 0.0
        elif news.measured_a is not None:
            self.drawn_a = news.measured_a.l1 or 0.0
        del now_s

    def act(self, now_s: float) -> list[float]:
        """Run the cycles that are due; say the command when it is its time."""
        if now_s >= self.cycle_s - 1e-6:
            self.cycle_s += CYCLE_S
            self._cycle(now_s)
        if now_s < self.command_s - 1e-6:
            return []
        self.command_s += COMMAND_S
        return [int(self.current_a * 10 + 1e-6) / 10]

    def _cycle(self, now_s: float) -> None:
        rest_a = self.net_a - self.drawn_a
        could_a = -rest_a if self.solar else BREAKER_A - MARGIN_A - rest_a
        before_a = could_a if self.smooth_in_a is None else self.smooth_in_a
        self.smooth_in_a = before_a + SMOOTHING * (could_a - before_a)
        wish_a = self._wish_a(self.smooth_in_a, now_s)
        self.smooth_out_a += SMOOTHING * (wish_a - self.smooth_out_a)
        self.current_a = self._followed_a(wish_a)

    def _wish_a(self, could_a: float, now_s: float) -> float:
        """Return what is wished for: 0, or at least the minimum through the grace time."""
        if now_s < self.paused_until_s:
            return 0.0
        if could_a >= LEAST_A:
            self.below_s = None
            return min(MOST_A, could_a)
        if not self.current_a or not self.solar:
            return 0.0
        self.below_s = now_s if self.below_s is None else self.below_s
        if now_s - self.below_s < GRACE_S:
            return LEAST_A
        self.paused_until_s, self.below_s = now_s + PAUSE_S, None
        return 0.0

    def _followed_a(self, wish_a: float) -> float:
        if wish_a == 0:
            self.smooth_out_a = 0.0
            return 0.0
        if not self.current_a:
            self.smooth_out_a = LEAST_A
            return LEAST_A
        gap_a = self.smooth_out_a - self.current_a
        if abs(gap_a) < DEAD_BAND_A:
            return self.current_a
        step_a = min(gap_a, UP_A_PER_S * CYCLE_S) if gap_a > 0 else max(gap_a, -DOWN_A_PER_S * CYCLE_S)
        return max(LEAST_A, self.current_a + step_a)
