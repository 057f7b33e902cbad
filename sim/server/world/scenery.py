"""The things and lights of a map as clients change them in one episode.

Nothing here runs in a tick unless the weather has changed: a change is handed to the sensors and to the dynamics at
once, as an ``Appearance`` and a mask of obstacles.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.server.scene.mesh import Tag
from sim.server.scene.objects import Layer, LightGroup
from sim.server.scene.static import StaticScene
from sim.server.sensors.appearance import Appearance, linear_of_byte
from sim.server.sensors.instances import Weather

LIT_BELOW_DEG = 4.0
"""Altitude of the sun below which lights go on by themselves: dusk, when the renderer's night begins."""
STREET_LUMENS, STREET_RGB = 5000.0, (255, 228, 188)
"""An LED street lamp of 40 W, 3000 K: what intensity and colour of an ordinary street light read."""
WINDOW_LUMENS, WINDOW_RGB = 200.0, (255, 226, 190)
"""What leaves a lit room through its window."""
BRIGHTEST = 100.0
"""A light shines at most this many times as bright as an ordinary one: beyond, a picture is white anyway."""
MAX_CLIENTS = 256
"""Clients that are told of changed lights; the names are theirs, so their number is bounded."""
MAX_TEXTURES = 256
"""Different textures in use at once: 22 MB."""


ROAD_TAGS = (int(Tag.ROADS), int(Tag.SIDEWALKS), int(Tag.ROAD_LINES))
"""What cameras do not see of a generated world whose mesh is invisible."""


class PaintError(ValueError):
    """A texture cannot be put on; the message says why."""


@dataclass(frozen=True)
class LightState:
    """One light as clients see and set it: intensity in lumens, ``LightGroup``, colour 0..255, whether it is on."""

    light_id: int
    intensity: float
    group: int
    rgb: tuple[int, int, int]
    active: bool


class Scenery:
    """What is there of the map, how it is painted, and its lights.

    show takes the appearance for the sensors (``look`` is the last one), obstruct which of the scene's obstacles can
    be hit.
    """

    def __init__(
        self,
        scene: StaticScene,
        show: Callable[[Appearance], None],
        obstruct: Callable[[Sequence[bool]], None],
        weather: Weather,
        layers: int = Layer.ALL,
    ) -> None:
        """The map as it is under a weather, without the layers that are not asked for."""
        self.scene = scene
        self._show, self._obstruct = show, obstruct
        self.look: Appearance
        objects, lights = scene.objects, scene.lights
        self._row = {key: row for row, key in enumerate(objects.object_id.tolist())}
        self._row_of_name = {name: row for row, name in enumerate(objects.name)}
        self._enabled = np.ones(len(objects), np.bool_)
        self._loaded = (objects.layer == 0) | ((objects.layer & int(layers)) != 0)
        self._texture = np.full(len(objects), -1, np.int32)
        self._textures: tuple[npt.NDArray[np.uint8], ...] = ()
        street = lights.group == LightGroup.STREET
        self._group = lights.group.copy()
        self._intensity = np.where(street, STREET_LUMENS, WINDOW_LUMENS)
        self._rgb = np.where(street[:, None], STREET_RGB, WINDOW_RGB).astype(np.uint8)
        self._ordinary_lumens = self._intensity.copy()
        self._ordinary_rgb = linear_of_byte()[self._rgb]
        self._weather, self._dark = weather, weather.sun_altitude_angle < LIT_BELOW_DEG
        self._active = np.full(len(lights.owner), self._dark)
        self._follows_sun = True
        self._stale: dict[str, bool] = {}  # by client: its lights are not what they were when it asked
        hidden = scene.generation is not None and not scene.generation.visible
        self._unseen = np.isin(objects.tag, ROAD_TAGS) if hidden else None
        self._box_owner = np.array([box.owner for box in scene.obstacles], np.int64)
        self._apply()

    # --- things -------------------------------------------------------------------------------------------------

    def rows(self, tag: int | None = None) -> npt.NDArray[np.int64]:
        """Objects (n,) of the loaded layers, of one tag or all; those switched off are among them."""
        wanted = self._loaded if tag is None else self._loaded & (self.scene.objects.tag == tag)
        return np.flatnonzero(wanted)

    def enable(self, object_ids: Collection[int], on: bool) -> None:
        """Let objects be there or not be there; ids that are none are left out, as CARLA does."""
        rows = [self._row[key] for key in object_ids if key in self._row]
        self._enabled[rows] = on
        self._apply()

    def load_layers(self, layers: int, on: bool) -> None:
        """Bring layers of the map, or take them away; what comes is as it was in the beginning."""
        turned = ((self.scene.objects.layer & layers) != 0) & (self._loaded != on)
        if not turned.any():
            return
        self._loaded[turned] = on
        self._enabled[turned] = True
        self._texture[turned] = -1
        owner = self.scene.lights.owner
        self._active[turned[owner]] = self._dark
        self._tell_all(bool(turned[owner].any()))
        self._apply()

    def has(self, name: str) -> bool:
        """Whether a loaded object has this name."""
        row = self._row_of_name.get(name)
        return row is not None and bool(self._loaded[row])

    def names(self) -> list[str]:
        """Names of the loaded objects."""
        return [self.scene.objects.name[row] for row in self.rows().tolist()]

    def paint(self, names: Collection[str], texture: npt.NDArray[np.uint8]) -> None:
        """Put a texture (``appearance.texture_of``) on objects; names that are none are left out, as CARLA does.

        Raises PaintError for too many textures in use.
        """
        rows = [self._row_of_name[name] for name in names if self.has(name)]
        if not rows:
            return
        used = [k for k in range(len(self._textures)) if (np.delete(self._texture, rows) == k).any()]
        if len(used) >= MAX_TEXTURES:
            raise PaintError(
                f"{MAX_TEXTURES} different textures are in use; put one texture on several objects at once"
            )
        new_number = np.full(len(self._textures) + 1, -1, np.int32)  # the last entry answers for "none", -1
        new_number[used] = np.arange(len(used))
        self._texture = new_number[self._texture]
        self._texture[rows] = len(used)
        self._textures = (*(self._textures[k] for k in used), texture)
        self._apply()

    # --- lights -------------------------------------------------------------------------------------------------

    @property
    def lights_changed(self) -> bool:
        """Whether some client has not asked for the lights since they changed: the snapshot then says so."""
        return any(self._stale.values())

    def lights(self, client: str) -> list[tuple[LightState, list[float]]]:
        """All lights of the loaded layers and where they are; client (HOST:PORT) will be told of changes."""
        if client in self._stale or len(self._stale) < MAX_CLIENTS:
            self._stale[client] = False
        places = self.scene.lights.position_m.tolist()
        rows = np.flatnonzero(self._loaded[self.scene.lights.owner]).tolist()
        return [
            (
                LightState(
                    row + 1,
                    float(self._intensity[row]),
                    int(self._group[row]),
                    (int(self._rgb[row, 0]), int(self._rgb[row, 1]), int(self._rgb[row, 2])),
                    bool(self._active[row]),
                ),
                places[row],
            )
            for row in rows
        ]

    def set_lights(self, client: str, states: Sequence[LightState], leaves: bool) -> None:
        """What a client made of some lights; leaves: it need not be told of anything any more."""
        known = [state for state in states if 1 <= state.light_id <= len(self._active)]
        for state in known:
            row = state.light_id - 1
            self._intensity[row], self._group[row] = state.intensity, state.group
            self._rgb[row], self._active[row] = state.rgb, state.active
        self._tell_all(bool(known))
        if leaves:
            self._stale.pop(client, None)
        if known:
            self._apply()

    def follow_sun(self, active: bool) -> None:
        """Whether lights go on and off by themselves when the sun sets and rises."""
        self._follows_sun = active

    def tick(self, weather: Weather) -> None:
        """Turn all lights when it has become dark or light."""
        if weather is self._weather:
            return
        self._weather = weather
        dark = weather.sun_altitude_angle < LIT_BELOW_DEG
        turned, self._dark = dark != self._dark, dark
        if turned and self._follows_sun and len(self._active):
            self._active[:] = dark
            self._tell_all(True)
            self._apply()

    def _tell_all(self, changed: bool) -> None:
        if changed:
            self._stale = dict.fromkeys(self._stale, True)

    # --- to the sensors and the dynamics ------------------------------------------------------------------------

    def _apply(self) -> None:
        shown = self._enabled & self._loaded
        share = np.clip(self._intensity / self._ordinary_lumens, 0.0, BRIGHTEST) * self._active
        rgb = linear_of_byte()[self._rgb] / self._ordinary_rgb * share[:, None]
        look = Appearance(shown, self._texture.copy(), rgb.astype(np.float32), self._textures, self._unseen)
        self.look = look
        self._show(look)
        if len(self._box_owner):
            self._obstruct(np.append(shown, True)[self._box_owner].tolist())  # the last: of no object
