"""Traffic lights: how the phases of a junction take turns.

A group (the lights of one junction) runs one phase at a time: green, yellow, then every light of the group is red
for the red time, then the next phase. That is CARLA's cycle. All columns follow the order of the signals given;
rows of signs (group -1) stay off and at zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sim.server.scene.static import Signal

RED, YELLOW, GREEN, OFF = 0, 1, 2, 3

GREEN_S, YELLOW_S, RED_S = 10.0, 3.0, 2.0
"""CARLA's defaults; red is the time for which all lights of the group are red between two phases."""
ROUNDING_S = 1e-9
"""Twenty ticks of 0.05 s are one second, whatever the rounding."""


class TrafficLights:
    """State of all traffic lights of a map."""

    state: npt.NDArray[np.uint8]  # (k,) RED, YELLOW, GREEN; signs OFF
    elapsed_s: npt.NDArray[np.float64]  # (k,) since the light took this state
    green_s: npt.NDArray[np.float64]  # (k,)
    yellow_s: npt.NDArray[np.float64]  # (k,)
    red_s: npt.NDArray[np.float64]  # (k,)
    frozen: npt.NDArray[np.bool_]  # (k,)
    pole_index: npt.NDArray[np.int64]  # (k,) place of a light in its group, by phase; 0 for signs

    def __init__(self, signals: Sequence[Signal]) -> None:
        count = len(signals)
        self._group = np.array([s.group for s in signals], np.int64).reshape(count)
        self._phase = np.array([s.phase for s in signals], np.int64).reshape(count)
        self._light = self._group >= 0
        self.state = np.where(self._light, RED, OFF).astype(np.uint8)
        self.elapsed_s = np.zeros(count)
        self.green_s = np.where(self._light, GREEN_S, 0.0)
        self.yellow_s = np.where(self._light, YELLOW_S, 0.0)
        self.red_s = np.where(self._light, RED_S, 0.0)
        self.frozen = np.zeros(count, np.bool_)
        self._cycles = {int(g): _Cycle(self._rows_by_phase(int(g))) for g in np.unique(self._group[self._light])}
        self.pole_index = np.zeros(count, np.int64)
        for cycle in self._cycles.values():
            members = np.concatenate(cycle.rows)
            self.pole_index[members] = np.arange(len(members))
        self._ticking = self._light.copy()  # lights whose clock runs
        self._waited_s, self._quiet_s = 0.0, 0.0  # since the cycles were looked at, and until the first has to be
        self.reset_all()

    def step(self, dt_s: float) -> None:
        """Advance every group that is not frozen by ``dt_s`` seconds."""
        self.elapsed_s[self._ticking] += dt_s
        self._waited_s += dt_s
        if self._waited_s < self._quiet_s - ROUNDING_S:
            return
        left = [self._advance(cycle, self._waited_s) for cycle in self._running()]
        self._waited_s, self._quiet_s = 0.0, min(left, default=math.inf)

    def _running(self) -> list[_Cycle]:
        return [cycle for group, cycle in self._cycles.items() if not self.frozen[self._group == group].any()]

    def _look_again(self) -> None:
        """Before cycles, times or clocks change: settle what has passed, and look at every cycle in the next step."""
        for cycle in self._running():
            cycle.in_stage_s += self._waited_s
        self._waited_s, self._quiet_s = 0.0, 0.0

    def set_state(self, index: int, state: int) -> None:
        """Show ``state`` until the cycle of the light's group changes it; freeze it to keep it.

        Raises ValueError for a sign or an unknown state.
        """
        self._require_light(index)
        if state not in (RED, YELLOW, GREEN, OFF):
            raise ValueError(f"traffic light {index}: state must be 0 red, 1 yellow, 2 green or 3 off, got {state}")
        self._show(np.array([index]), state)

    def set_green_time(self, index: int, seconds: float) -> None:
        """Green time of a light; its phase lasts as long as the longest green among its lights."""
        self.green_s[index] = self._checked_time(index, seconds)

    def set_yellow_time(self, index: int, seconds: float) -> None:
        """Yellow time of a light."""
        self.yellow_s[index] = self._checked_time(index, seconds)

    def set_red_time(self, index: int, seconds: float) -> None:
        """All-red time after the phase of a light."""
        self.red_s[index] = self._checked_time(index, seconds)

    def freeze(self, frozen: bool) -> None:
        """Stop or resume the clock of every light."""
        self._look_again()
        self.frozen[self._light] = frozen
        self._ticking = self._light & ~self.frozen

    def freeze_light(self, index: int, frozen: bool) -> None:
        """Stop or resume the cycle of the group that a light belongs to."""
        self._require_light(index)
        self._look_again()
        self.frozen[self._group == self._group[index]] = frozen
        self._ticking = self._light & ~self.frozen

    def put(self, index: int, state: int, elapsed_s: float, frozen: bool) -> None:
        """Have a light as a recording has it."""
        self.state[index], self.elapsed_s[index] = state, elapsed_s
        if self.frozen[index] != frozen:
            self._look_again()
            self.frozen[index] = frozen
            self._ticking = self._light & ~self.frozen

    def reset(self, group: int) -> None:
        """Start the cycle of a group anew: its first phase is green. Raises ValueError for an unknown group."""
        if group not in self._cycles:
            raise ValueError(f"traffic light group {group} does not exist; groups are {sorted(self._cycles)}")
        self._look_again()
        cycle = self._cycles[group]
        cycle.restart()
        self.elapsed_s[self._group == group] = 0.0
        self._show_stage(cycle, force=True)

    def reset_all(self) -> None:
        """Start the cycle of every group anew."""
        for group in self._cycles:
            self.reset(group)

    def group_of(self, index: int) -> npt.NDArray[np.int64]:
        """Indices of all lights of the group of a light, itself included; of a sign: only itself."""
        return np.flatnonzero(self._group == self._group[index]) if self._light[index] else np.array([index])

    def _rows_by_phase(self, group: int) -> list[npt.NDArray[np.int64]]:
        phases = np.unique(self._phase[self._group == group])
        return [np.flatnonzero((self._group == group) & (self._phase == phase)) for phase in phases]

    def _advance(self, cycle: _Cycle, dt_s: float) -> float:
        """Advance a cycle; the time until its next change."""
        cycle.in_stage_s += dt_s
        # a cycle whose times are all zero must not spin: one full round per tick is enough
        for _ in range(3 * len(cycle.rows)):
            durations = (self.green_s, self.yellow_s, self.red_s)[cycle.stage]
            duration_s = float(durations[cycle.rows[cycle.phase]].max())
            if cycle.in_stage_s < duration_s - ROUNDING_S:
                return duration_s - cycle.in_stage_s
            cycle.in_stage_s -= duration_s
            cycle.next_stage()
            self._show_stage(cycle)
        return 0.0

    def _show_stage(self, cycle: _Cycle, force: bool = False) -> None:
        active = (GREEN, YELLOW, RED)[cycle.stage]
        for phase, rows in enumerate(cycle.rows):
            state = active if phase == cycle.phase else RED
            changed = rows if force else rows[self.state[rows] != state]
            self._show(changed, state, max(cycle.in_stage_s, 0.0))

    def _show(self, rows: npt.NDArray[np.int64], state: int, elapsed_s: float = 0.0) -> None:
        self.state[rows] = state
        self.elapsed_s[rows] = elapsed_s

    def _require_light(self, index: int) -> None:
        if not self._light[index]:
            raise ValueError(f"signal {index} is a sign, not a traffic light")

    def _checked_time(self, index: int, seconds: float) -> float:
        self._require_light(index)
        if not (math.isfinite(seconds) and seconds >= 0.0):
            raise ValueError(f"traffic light {index}: a time must be finite and not negative, got {seconds} s")
        self._look_again()
        return seconds


class _Cycle:
    """Where one group stands: phase, stage of the phase (green, yellow, all red) and time in it."""

    def __init__(self, rows: list[npt.NDArray[np.int64]]) -> None:
        self.rows = rows  # lights of each phase
        self.restart()

    def restart(self) -> None:
        self.phase, self.stage, self.in_stage_s = 0, 0, 0.0

    def next_stage(self) -> None:
        self.stage = (self.stage + 1) % 3
        if self.stage == 0:
            self.phase = (self.phase + 1) % len(self.rows)
