"""What a camera is asked to see beyond CARLA's weather: snow, and what sits on its lens.

CARLA's ``WeatherParameters`` have no snow and no dirt, and their fourteen numbers travel as fourteen: so these come
as attributes of the camera. Their defaults leave CARLA's look.

- ``snowfall`` (mm/h of water, 0..20): falling flakes and the haze they make. 0.5 is light, 2.5 heavy.
- ``snow_cover`` (0..100 %): snow that lies on ground, roofs, cars and trees; driven lanes keep their tracks.
- ``lens_dirt`` (0..100 %): dried mud and dust on the lens.
- ``lens_drops`` (-1..100 %): drops of water on the lens; -1 takes as many as it rains.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sim.server.sensors.attributes import Attributes

MAX_SNOWFALL_MMPH = 20.0
"""More has hardly been observed; visibility is then 40 m."""
AS_IT_RAINS = -1.0
LENS_CELLS_PER_M = 100.0
"""Places nearer to each other than a centimetre may be one."""


@dataclass(frozen=True)
class Conditions:
    """The four attributes, and which of all lenses it is."""

    snowfall_mmph: float = 0.0
    snow_cover: float = 0.0  # percent
    lens_dirt: float = 0.0  # percent
    lens_drops: float = AS_IT_RAINS  # percent
    lens: int = 0  # picks where drops and dirt sit

    @staticmethod
    def of(type_id: str, attributes: Mapping[str, str]) -> Conditions:
        """From a blueprint's attributes. Raises ValueError naming a bad one."""
        read = Attributes(type_id, attributes)
        return Conditions(
            read.number("snowfall", 0.0, 0.0, MAX_SNOWFALL_MMPH),
            read.number("snow_cover", 0.0, 0.0, 100.0),
            read.number("lens_dirt", 0.0, 0.0, 100.0),
            read.number("lens_drops", AS_IT_RAINS, AS_IT_RAINS, 100.0),
        )

    def of_the_air(self) -> Conditions:
        """Without what sits on the lens: cameras that differ in that alone share one sky."""
        return Conditions(self.snowfall_mmph, self.snow_cover)

    def of_a_lens(self, position_m: npt.NDArray[np.float64]) -> Conditions:
        """For the camera that takes its first picture there: no two places in a world have the same drops and dirt, and
        cameras at the same place have."""
        x, y, z = (round(float(part) * LENS_CELLS_PER_M) for part in position_m)
        return replace(self, lens=(x * 73856093 ^ y * 19349663 ^ z * 83492791) & 0xFFFFFF)

    def drops_on_lens(self, precipitation: float) -> float:
        """Share 0..1 of the drops that a lens can carry, under rain of so many percent."""
        percent = precipitation if self.lens_drops < 0.0 else self.lens_drops
        return min(max(percent / 100.0, 0.0), 1.0)


ORDINARY = Conditions()
