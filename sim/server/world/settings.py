"""How the world advances: CARLA's EpisodeSettings."""

from __future__ import annotations

from dataclasses import dataclass

MAX_DELTA_S = 60.0
"""Longest tick. CARLA knows no limit and programs do set whole seconds; a minute of physics is computed in about one
second with 100 vehicles, so that no client runs into its time-out."""


@dataclass(frozen=True)
class EpisodeSettings:
    """The eleven settings of an episode. Rendering distances are kept and echoed; nothing is culled here."""

    synchronous_mode: bool = False
    no_rendering_mode: bool = False
    fixed_delta_seconds: float | None = None
    substepping: bool = True
    max_substep_delta_time: float = 0.01
    max_substeps: int = 10
    max_culling_distance: float = 0.0
    deterministic_ragdolls: bool = True
    tile_stream_distance: float = 3000.0
    actor_active_distance: float = 2000.0
    spectator_as_ego: bool = True

    def __post_init__(self) -> None:
        delta = self.fixed_delta_seconds
        if delta is not None and not 0.0 < delta <= MAX_DELTA_S:
            raise ValueError(f"fixed_delta_seconds: expected more than 0 and at most {MAX_DELTA_S:g} s, got {delta}")

    def substeps(self) -> tuple[bool, float, int]:
        """What the physics need to know: whether to divide a tick, longest sub-step in seconds, most sub-steps."""
        return self.substepping, self.max_substep_delta_time, self.max_substeps
