"""What clients bend: walkers in poses of their own, open doors, wheels turned by hand.

Kept by actor, apart from the physics, which none of it touches. Actors that nobody bent cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sim.server.scene.bodies.people import FIGURES, Figure, figure_parts
from sim.server.scene.bodies.skeleton import WALK_PHASES, upright
from sim.server.scene.bodies.wheelchairs import BY_NAME as SEATED
from sim.server.scene.bodies.wheelchairs import model_joints
from sim.server.scene.doors import ChangedVehicle, Door, panels
from sim.server.scene.models import ModelLibrary
from sim.server.scene.skin import BONES, PosedFigure
from sim.server.scene.variants import Variant
from sim.server.world.parts import Bench
from sim.server.world.skeleton import (
    MODEL_FROM_COMPONENT,
    ROW,
    Bones,
    blended,
    figure_bones,
    local_of,
    whole_of,
)

Array = npt.NDArray[np.float64]

ADULT_M = 1.78
"""Height that the thicknesses of a skin's bones are given for."""
STANDING = "stand"
NO_VARIANTS: Mapping[int, Variant] = {}


@dataclass
class WalkerPose:
    """The pose that a client gave: each bone relative to its parent, m; blend 0 walks as ever, 1 is this pose."""

    local: Bones
    blend: float = 0.0
    edits: int = 0


@dataclass
class Fittings:
    """Doors that stand open, and per wheel (4,) the steering and pitch angles, radians, set by hand."""

    open_doors: set[Door] = field(default_factory=set)
    steer_rad: Array = field(default_factory=lambda: np.zeros(4))
    pitch_rad: Array = field(default_factory=lambda: np.zeros(4))
    by_hand: bool = False
    edits: int = 0


class Postures:
    """All that is bent in one episode, by actor id."""

    def __init__(self) -> None:
        self._poses: dict[int, WalkerPose] = {}
        self._fittings: dict[int, Fittings] = {}
        self._walking: dict[str, Bones] = {}
        self._made: dict[int, tuple[tuple[object, ...], Variant]] = {}
        self._frozen: set[int] = set()
        self._skins: dict[tuple[int, int], npt.NDArray[np.float32]] = {}

    def forget(self, actor_id: int) -> None:
        """The actor is gone."""
        for table in (self._poses, self._fittings, self._made):
            table.pop(actor_id, None)
        self._frozen.discard(actor_id)

    # --- walkers --------------------------------------------------------------------------------------------

    def walking(self, model: str) -> Bones:
        """Bones of a person model in its own frame and size, as it walks or stands."""
        if model not in self._walking:
            self._walking[model] = _bones_of(model)
        return self._walking[model]

    def local_bones(self, actor_id: int, model: str, scale: float) -> Bones:
        """Each bone of a walker relative to its parent as it is now, m; ``scale`` is the actor's over the model's."""
        walking = _local(self.walking(model), scale)
        pose = self._poses.get(actor_id)
        if pose is None or pose.blend <= 0.0:
            return walking
        return pose.local if pose.blend >= 1.0 else blended(walking, pose.local, pose.blend)

    def set_bones(self, actor_id: int, model: str, scale: float, bones: Iterable[tuple[str, Array, Array]]) -> None:
        """Bones by name, position (3,) and rotation (3, 3) relative to the parent; unknown names count for nothing.

        The rest of the pose stays what it was: the walk at the moment when this walker was first bent.
        """
        pose = self._pose(actor_id, model, scale)
        for name, position, rotation in bones:
            if name in ROW:
                pose.local.position_m[ROW[name]], pose.local.rotation[ROW[name]] = position, rotation
        pose.edits += 1

    def blend(self, actor_id: int, model: str, scale: float, share: float) -> None:
        """Show that share 0..1 of the given pose."""
        self._pose(actor_id, model, scale).blend = min(max(share, 0.0), 1.0)

    def is_posed(self, actor_id: int) -> bool:
        """Whether a walker shows a pose that it was given."""
        pose = self._poses.get(actor_id)
        return pose is not None and pose.blend > 0.0

    def take_walk(self, actor_id: int, model: str, scale: float) -> None:
        """The walk of this moment becomes the given pose."""
        pose = self._pose(actor_id, model, scale)
        pose.local = _local(self.walking(model), scale)
        pose.edits += 1

    def _pose(self, actor_id: int, model: str, scale: float) -> WalkerPose:
        if actor_id not in self._poses:
            self._poses[actor_id] = WalkerPose(_local(self.walking(model), scale))
        return self._poses[actor_id]

    # --- vehicles -------------------------------------------------------------------------------------------

    def move_door(self, actor_id: int, model: str, door: Door, is_open: bool) -> None:
        """Open or close a door, or all; doors that the vehicle has not are left alone."""
        known = panels(model)
        wanted = set(known) if door == Door.ALL else {door} & set(known)
        fittings = self._fittings.setdefault(actor_id, Fittings())
        before = set(fittings.open_doors)
        fittings.open_doors = before | wanted if is_open else before - wanted
        fittings.edits += fittings.open_doors != before

    def open_doors(self, actor_id: int) -> frozenset[Door]:
        """Doors that stand open."""
        fittings = self._fittings.get(actor_id)
        return frozenset(fittings.open_doors) if fittings else frozenset()

    def doors(self) -> dict[int, frozenset[Door]]:
        """Open doors of the vehicles of which any door was ever moved."""
        return {actor_id: frozenset(fittings.open_doors) for actor_id, fittings in self._fittings.items()}

    def all_open_doors(self) -> dict[int, frozenset[Door]]:
        """Doors that stand open by vehicle, for records; vehicles with all doors shut may be missing."""
        return {actor_id: frozenset(fittings.open_doors) for actor_id, fittings in self._fittings.items()}

    def turn_wheel(self, actor_id: int, wheel: int, steer_rad: float | None, pitch_rad: float | None) -> None:
        """Set one or both angles of a wheel, by hand."""
        fittings = self._fittings.setdefault(actor_id, Fittings())
        fittings.by_hand = True
        fittings.edits += 1
        if steer_rad is not None:
            fittings.steer_rad[wheel] = steer_rad
        if pitch_rad is not None:
            fittings.pitch_rad[wheel] = pitch_rad

    def is_frozen(self, actor_id: int) -> bool:
        """Whether its physics is off: only then a client may turn its wheels."""
        return actor_id in self._frozen

    def wheels(self, actor_id: int) -> tuple[Array, Array] | None:
        """Steering and pitch angles (4,) set by hand, None where nobody did."""
        fittings = self._fittings.get(actor_id)
        return (fittings.steer_rad, fittings.pitch_rad) if fittings and fittings.by_hand else None

    def physics_switched(self, actor_id: int, enabled: bool) -> None:
        """Physics was switched: doors fall shut, and with physics the wheels are its own again, as in CARLA."""
        if enabled:
            self._frozen.discard(actor_id)
        else:
            self._frozen.add(actor_id)
        fittings = self._fittings.get(actor_id)
        if fittings is None:
            return
        fittings.edits += 1
        fittings.open_doors = set()
        if enabled:
            fittings.by_hand = False
            fittings.steer_rad[:] = fittings.pitch_rad[:] = 0.0

    # --- what sensors see -----------------------------------------------------------------------------------

    def variants(
        self,
        actor_id: npt.NDArray[np.int64],
        model: npt.NDArray[np.int32],
        scale: npt.NDArray[np.float32],
        bench: Bench,
    ) -> Mapping[int, Variant]:
        """Triangles of their own for the bent ones among the instances, by row; their columns (n,), (n,), (n, 3)."""
        if not self._poses and not self._fittings:
            return NO_VARIANTS
        out: dict[int, Variant] = {}
        for bent in sorted(self._poses.keys() | self._fittings.keys()):
            row = int(np.searchsorted(actor_id, bent))
            if row == len(actor_id) or actor_id[row] != bent:
                continue
            variant = self._variant(bent, int(model[row]), float(scale[row, 2]), bench.library())
            if variant is not None:
                out[row] = variant
        return out

    def _variant(self, actor_id: int, model: int, scale: float, library: ModelLibrary) -> Variant | None:
        key: tuple[object, ...]
        pose, fittings = self._poses.get(actor_id), self._fittings.get(actor_id)
        if pose is not None:
            if pose.blend <= 0.0:
                return None
            key = (model if pose.blend < 1.0 else library.names[model].partition("@")[0], pose.blend, pose.edits)
        elif fittings is not None and (fittings.open_doors or fittings.by_hand):
            key = (model, fittings.edits)
        else:
            return None
        made = self._made.get(actor_id)
        if made is None or made[0] != key:
            fresh = (
                self._posed(actor_id, library.names[model], scale, library)
                if pose is not None
                else _changed(fittings or Fittings(), model, library)
            )
            made = self._made[actor_id] = (key, fresh)
        return made[1]

    def _posed(self, actor_id: int, model: str, scale: float, library: ModelLibrary) -> Variant:
        standing = f"{model.partition('@')[0]}@{STANDING}"
        local = self.local_bones(actor_id, model, scale)
        rest = self.walking(standing)
        component = whole_of(local)
        pose = Bones(component.position_m / scale, component.rotation).moved(MODEL_FROM_COMPONENT, np.zeros(3))
        size = _figure(model)[0].build.height_m / ADULT_M
        return PosedFigure(library, library.index(standing), _by_name(rest), _by_name(pose), size, self._skins)


def _changed(fittings: Fittings, model: int, library: ModelLibrary) -> Variant:
    wheels = np.column_stack([fittings.steer_rad, -fittings.pitch_rad]) if fittings.by_hand else None
    return ChangedVehicle(library, model, frozenset(fittings.open_doors), wheels)


def _by_name(bones: Bones) -> dict[str, tuple[Array, Array]]:
    """The bones that a skin asks for, and those at the ends of its segments."""
    wanted = (*BONES, "crl_toeEnd__L", "crl_toeEnd__R")
    return {name: (bones.position_m[ROW[name]], bones.rotation[ROW[name]]) for name in wanted}


def _local(bones: Bones, scale: float) -> Bones:
    """Relative transforms of bones that are in the frame of their model, in the size of the actor."""
    return local_of(bones.moved(MODEL_FROM_COMPONENT.T, np.zeros(3), scale))


def _figure(model: str) -> tuple[Figure, int | None]:
    """The figure and the walk phase of a person model; a model that is no person stands as a man."""
    base, _, phase = model.partition("@")
    if base in SEATED:
        figure = SEATED[base].figure
    else:
        figure = next((figure for figure in FIGURES if figure.name == base), FIGURES[0])
    return figure, int(phase) if phase.isdigit() else None


def _bones_of(model: str) -> Bones:
    figure, phase = _figure(model)
    base = model.partition("@")[0]
    if base in SEATED:
        bones = figure_bones(figure.build, model_joints(SEATED[base], phase))
        bones.position_m[0] = 0.0
        return bones
    joints = upright(figure.build, None if phase is None else 2.0 * np.pi * phase / WALK_PHASES)
    lowest = min(float(part.points_m[:, 2].min()) for part in figure_parts(figure, joints, 0))
    bones = figure_bones(figure.build, joints)
    position = bones.position_m - np.array([0.0, 0.0, lowest])  # models stand on the ground
    position[0] = 0.0
    return Bones(position, bones.rotation)
