"""The things of the map: boxes, switching them, layers, rays, lights, paint."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sim.server.calls.table import Arguments, Method, alone, inert, value, void
from sim.server.protocol import structs
from sim.server.protocol.wire import WireError
from sim.server.scene.objects import LightGroup
from sim.server.sensors.appearance import texture_of
from sim.server.session import Session
from sim.server.world.actors import Actor
from sim.server.world.blueprints import Kind
from sim.server.world.pose import rotation_matrix
from sim.server.world.scenery import LightState

ANY_TAG = 255
BODIES = (Kind.VEHICLE, Kind.WALKER, Kind.PROP)
NORMAL, AO_ROUGHNESS_METALLIC_EMISSIVE, DIFFUSE, EMISSIVE = range(4)
"""MaterialParameter."""
MAX_TEXTURE_SIDE = 1024
"""Texels; the protocol layer takes no longer arrays than 1024 x 1024 items."""
MAX_LUMENS = 1e9
MAX_CLIENT_NAME = 256
"""Characters of HOST:PORT."""


def _tag(arguments: Arguments) -> int | None:
    tag = structs.integer(arguments[0], "tag", 0, 255)
    return None if tag == ANY_TAG else tag


def _level_boxes(session: Session, arguments: Arguments) -> list[Any]:
    """Boxes of the map's things, in the world's frame, and of the vehicles, walkers and props as they stand now."""
    tag, world = _tag(arguments), session.world
    objects = session.scene.objects
    rows = world.scenery.rows(tag)
    columns = (objects.centre_m[rows], objects.half_m[rows], objects.yaw_rad[rows])
    boxes = [structs.box_value(c, h, (0.0, yaw, 0.0)) for c, h, yaw in zip(*(x.tolist() for x in columns), strict=True)]
    for actor in world.actors:
        if actor.kind in BODIES and tag in (None, actor.tag):
            position, rotation = world.pose_of(actor)
            centre = position + rotation_matrix(*rotation.tolist()) @ np.array(actor.centre_m)
            boxes.append(structs.box_value(centre.tolist(), actor.half_m, rotation.tolist(), owner=actor.actor_id))
    return boxes


def _environment_objects(session: Session, arguments: Arguments) -> list[Any]:
    objects = session.scene.objects
    rows = session.world.scenery.rows(_tag(arguments))
    columns = (
        objects.position_m[rows],
        objects.yaw_rad[rows],
        objects.centre_m[rows],
        objects.half_m[rows],
        objects.object_id[rows],
        objects.tag[rows],
    )
    return [
        [
            structs.transform_value(position, (0.0, yaw, 0.0)),
            structs.box_value(centre, half, (0.0, yaw, 0.0)),
            key,
            objects.name[row],
            tag,
        ]
        for row, position, yaw, centre, half, key, tag in zip(
            rows.tolist(), *(column.tolist() for column in columns), strict=True
        )
    ]


def _enable(session: Session, arguments: Arguments) -> None:
    keys = structs.sequence(arguments[0], "environment object ids")
    ids = {structs.integer(key, "environment object id", 0, (1 << 64) - 1) for key in keys}
    session.world.scenery.enable(ids, structs.boolean(arguments[1], "enable"))


def _layers(on: bool) -> Any:
    def run(session: Session, arguments: Arguments) -> None:
        session.world.scenery.load_layers(structs.integer(arguments[0], "map layers", 0, 0xFFFF), on)

    return run


# --- rays -------------------------------------------------------------------------------------------------------


def _cast_ray(session: Session, arguments: Arguments) -> list[Any]:
    """Everything that the segment between two places enters, in order."""
    start = np.array(structs.vector(arguments[0], "from"))
    way = np.array(structs.vector(arguments[1], "to")) - start
    length = float(np.linalg.norm(way))
    if length == 0.0:
        return []
    direction = way / length
    hits = session.world.bench.hits(start, direction, length, session.world.view().instances)
    return [[(start + direction * distance).tolist(), tag] for distance, tag in hits]


def _project_point(session: Session, arguments: Arguments) -> list[Any]:
    """The first thing in a direction within a distance."""
    start = np.array(structs.vector(arguments[0], "location"))
    way = np.array(structs.vector(arguments[1], "direction"))
    reach = structs.number(arguments[2], "distance")
    length = float(np.linalg.norm(way))
    hit = None
    if length > 0.0 and reach > 0.0:
        instances = session.world.view().instances
        hit = session.world.bench.first_hit(start, way / length, min(reach, structs.MAX_COORDINATE), instances)
    if hit is None:
        return [False, [[0.0, 0.0, 0.0], 0]]
    return [True, [(start + way / length * hit[0]).tolist(), hit[1]]]


# --- lights -----------------------------------------------------------------------------------------------------


def _client(arguments: Arguments) -> str:
    name = structs.text(arguments[0], "client")
    if len(name) > MAX_CLIENT_NAME:
        raise WireError(f"client: expected HOST:PORT of at most {MAX_CLIENT_NAME} characters, got {len(name)}")
    return name


def _lights(session: Session, arguments: Arguments) -> list[Any]:
    return [
        [light.light_id, place, light.intensity, light.group, list(light.rgb), light.active]
        for light, place in session.world.scenery.lights(_client(arguments))
    ]


def _light_state(item: Any) -> LightState:
    light_id, _, intensity, group, color, active = structs.fields(item, 6, "light state")
    lumens = structs.number(intensity, "light intensity")
    if not 0.0 <= lumens <= MAX_LUMENS:
        raise WireError(f"light intensity: expected 0 to {MAX_LUMENS:g} lumens, got {lumens:g}")
    red, green, blue = (
        structs.integer(part, "light color", 0, 255) for part in structs.fields(color, 3, "light color")
    )
    return LightState(
        structs.integer(light_id, "light id"),
        lumens,
        structs.integer(group, "light group", 0, max(LightGroup)),
        (red, green, blue),
        structs.boolean(active, "light active"),
    )


def _set_lights(session: Session, arguments: Arguments) -> None:
    states = [_light_state(item) for item in structs.sequence(arguments[1], "light states")]
    session.world.scenery.set_lights(_client(arguments), states, structs.boolean(arguments[2], "discard client"))


def _day_night_cycle(session: Session, arguments: Arguments) -> None:
    _client(arguments)
    session.world.scenery.follow_sun(structs.boolean(arguments[1], "active"))


# --- paint ------------------------------------------------------------------------------------------------------


def actor_name(actor: Actor) -> str:
    """A vehicle, walker or prop by its name in the level: BP_TeslaModel3_C_24."""
    words = actor.type_id.split(".")[1:]
    return f"BP_{''.join(word.title().replace('_', '') for word in words)}_C_{actor.actor_id}"


def _names(session: Session, _: Arguments) -> list[str]:
    bodies = [actor_name(actor) for actor in session.world.actors if actor.kind in BODIES]
    return session.world.scenery.names() + bodies


def _picture(item: Any, largest: float) -> npt.NDArray[np.float32]:
    """Texels (h, w, 3), 0..1, of a TextureColor (largest 255) or TextureFloatColor (1)."""
    w, h, content = structs.fields(item, 3, "texture")
    width, height = (structs.integer(side, "texture side", 0, MAX_TEXTURE_SIDE) for side in (w, h))
    rows = structs.sequence(content, "texels")
    if len(rows) != width * height:
        raise WireError(f"texture: expected {width} x {height} texels, got {len(rows)}")
    if not rows:
        return np.zeros((0, 0, 3), np.float32)
    try:
        texels = np.array(rows, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise WireError("texture: expected four numbers for each texel") from None
    if texels.ndim != 2 or texels.shape[1] < 3 or not np.isfinite(texels).all():
        raise WireError(f"texture: expected four finite numbers for each texel, got {texels.shape[1:]}")
    return (np.clip(texels[:, :3] / largest, 0.0, 1.0).reshape(height, width, 3)).astype(np.float32)


def _paint(session: Session, arguments: Arguments, floats: bool) -> None:
    wanted = [structs.text(name, "object name") for name in structs.sequence(arguments[0], "object names")]
    parameter = structs.integer(arguments[1], "material parameter", NORMAL, EMISSIVE)
    picture = _picture(arguments[2], 1.0 if floats else 255.0)
    if parameter != DIFFUSE or not picture.size:
        return
    if floats:  # linear light; textures are kept as sRGB
        picture = np.where(picture <= 0.0031308, picture * 12.92, 1.055 * picture ** (1.0 / 2.4) - 0.055)
    names = set(wanted)
    world = session.world
    if any(world.scenery.has(name) for name in names):
        world.scenery.paint(names, texture_of(picture.astype(np.float32)))
    red, green, blue = picture.mean(axis=(0, 1)).tolist()
    for actor in world.actors:
        if actor.kind in BODIES and actor_name(actor) in names:
            actor.paint_rgb = (red, green, blue)
            world.actors.version += 1


def _color_texture(session: Session, arguments: Arguments) -> None:
    _paint(session, arguments, floats=False)


def _float_texture(session: Session, arguments: Arguments) -> None:
    _paint(session, arguments, floats=True)


def _flag(session: Session, arguments: Arguments) -> None:
    structs.boolean(arguments[0], "enabled")


def _console(session: Session, arguments: Arguments) -> bool:
    structs.text(arguments[0], "command")
    return False


_DISABLED = "wheels keep the ground of a road or of the land that was switched off"
_PAINT = (
    "only the diffuse parameter acts; a texture of at most 1024 x 1024 texels is laid over the object's box, vehicles, "
    "walkers and props take its mean colour"
)
_LAYERS = "any map has layers, not only those whose names end in _Opt; decals and particles are empty"
_CYCLE = "lights are switched at the first tick that finds the sun crossing 4 degrees"

METHODS: dict[str, Method] = {
    "get_all_level_BBs": value(1, _level_boxes),
    "get_environment_objects": value(1, _environment_objects),
    "enable_environment_objects": alone(void(2, _enable, _DISABLED)),
    "load_map_layer": alone(void(1, _layers(True), _LAYERS)),
    "unload_map_layer": alone(void(1, _layers(False), _LAYERS)),
    "cast_ray": value(2, _cast_ray),
    "project_point": value(3, _project_point),
    "query_lights_state": value(1, _lights),
    "update_lights_state": alone(void(3, _set_lights)),
    "update_day_night_cycle": void(2, _day_night_cycle, _CYCLE),
    "get_names_of_all_objects": value(0, _names),
    "apply_color_texture_to_objects": alone(void(3, _color_texture, _PAINT)),
    "apply_float_color_texture_to_objects": alone(void(3, _float_texture, _PAINT)),
    "set_annotations_traverse_translucency": inert(1, _flag, "glass is labelled as the vehicle that it belongs to"),
    "console_command": value(1, _console, "there is no console: the command is not run and the answer is False"),
}
