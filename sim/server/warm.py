"""Compiles every kernel before the first client comes, once per version of the sources, in a process of its own.

numba keeps what it compiled beside the sources; a stamp in the user's cache says that this has been done, so
that later starts lose no time by loading kernels that nobody may need. A process that compiles runs on helpers that
were optimised for one kernel and are linked to the others; one that loads from the cache does not, and now and then
differs from it by the last bit of a float. So whoever serves loads.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import platformdirs

from sim.orphan import when_stdin_ends

log = logging.getLogger(__name__)

Progress = Callable[[str], None]
TOWN = "Roadlab01"
HIGH_M = 50.0
"""Where nothing stands in the way of a vehicle."""
ANY_LABEL = 255
"""What asks for things of all kinds."""


def compile_kernels(progress: Progress) -> None:
    """Compile what is not compiled yet, telling ``progress`` what is going on; nothing happens on later calls."""
    stamp = Path(platformdirs.user_cache_dir("roadlab")) / f"kernels-{_key()}"
    if stamp.exists():
        return
    progress("first start: compiling kernels, once; this takes about two minutes")
    code = _in_another_process(progress)
    if code != 0:
        log.warning("the process that compiles kernels ended with code %d; compiling here", code)
        compile_here(progress)
    try:
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.touch()
    except OSError as error:
        log.warning("cannot write %s (%s): the next start goes through the kernels again", stamp, error)


def compile_here(progress: Progress) -> None:
    """Compile every kernel and build the models in this process; what is in the caches is loaded."""
    from sim.server.scene.library import load_library
    from sim.server.sensors.renderer import warm_up

    _physics()
    progress("physics compiled")
    _rays()
    progress("LiDAR compiled")
    load_library()  # else whoever comes first shares the processor with it for ten seconds
    progress("models built")
    _calls()
    progress("calls compiled")
    warm_up(progress)


def _in_another_process(progress: Progress) -> int:
    """Run this file, which ends with this process, however that ends; its exit code. Tells what it prints."""
    command = [sys.executable, "-u", "-m", "sim.server.warm"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                progress(line.rstrip("\n"))
        except BaseException:
            process.kill()
            raise
    return process.returncode


def _key() -> str:
    """Sixteen digits of everything that decides whether numba's cache fits."""
    here = Path(__file__).resolve().parent
    digest = hashlib.sha256(f"{here} {numba.__version__} {platform.python_version()} {platform.processor()}".encode())
    digest.update(os.environ.get("NUMBA_CACHE_DIR", "").encode())
    for source in sorted(here.rglob("*.py")):
        text = source.read_bytes()
        if b"njit" in text or b"sensors.kernel import" in text:
            digest.update(text)
    return digest.hexdigest()[:16]


def _physics() -> None:
    """One step with a body of each kind, on flat ground beside a wall and a traffic light."""
    from sim.server.scene.ground import ROAD, Ground
    from sim.server.scene.mesh import Tag
    from sim.server.scene.static import Box, Signal
    from sim.server.sensors.instances import Weather
    from sim.server.world.dynamics import Dynamics
    from sim.server.world.rules import RoadRules
    from sim.server.world.traffic_lights import TrafficLights
    from sim.server.world.vehicle_spec import VEHICLES

    corners = np.array([(-9.0, -9.0, 0.0), (9.0, -9.0, 0.0), (9.0, 9.0, 0.0)])
    ground = Ground(corners, np.array([[0, 1, 2]]), np.array([ROAD], np.uint8), np.zeros((2, 2)), (-9.0, -9.0), 18.0)
    ground.heights(np.zeros((1, 3)))
    wall = Box((8.0, 0.0, 1.0), (0.5, 5.0, 1.0), 0.0, int(Tag.WALLS))
    dynamics = Dynamics(ground, [wall], np.random.default_rng(0))
    here, level = np.zeros(3), np.zeros(3)
    dynamics.add_vehicle(1, VEHICLES["vehicle.audi.a2"], here, level)
    dynamics.add_vehicle(2, VEHICLES["vehicle.bh.crossbike"], here + 3.0, level)
    dynamics.add_walker(3, 0.9, 0.2, here - 3.0, level)
    dynamics.add_prop(4, (0.5, 0.5, 0.5), (0.0, 0.0, 0.5), here - 5.0, level)
    dynamics.add_friction_trigger(5, 1.0, (1.0, 1.0, 1.0), here, level)
    dynamics.overlaps((1.0, 1.0, 1.0), (0.0, 0.0, 1.0), here, level)
    dynamics.step(0.05, Weather())
    yields = Signal("1", "traffic.yield", (0, 0, 0), 0.0, (0, 0, 0), (1, 1, 1), -1, -1, np.zeros((0, 7)),
                    np.zeros((0, 3)), (), np.full((1, 7), 9.0), np.zeros((1, 4)))  # fmt: skip
    rules = RoadRules([yields], TrafficLights([yields]))
    rules.set_vehicles(np.arange(4), np.ones(4), np.zeros(4))
    rules.refresh(dynamics.position_m, dynamics.rotation_rad[:, 1], 0.0)


def _rays() -> None:
    """One sweep of each LiDAR in a scene of a box."""
    from sim.server.scene.mesh import Material
    from sim.server.sensors.create import SensorWorld, create_sensor
    from sim.server.sensors.instances import View, Weather
    from sim.server.sensors.warm import box_library, box_mesh, boxes, small_scene

    scene = small_scene(box_mesh((0.0, 0.0, -1.0), (50.0, 50.0, 1.0), Material.ROAD))
    shared = SensorWorld(scene, box_library, 0)
    view = View(0, 0.0, boxes([(5.0, 0.0, 0.0)]), np.zeros(0, np.uint8), Weather())
    for kind in ("ray_cast", "ray_cast_semantic"):
        sensor = create_sensor(f"sensor.lidar.{kind}", {}, shared)
        sensor.measure(np.array((0.0, 0.0, 1.5)), np.zeros(3), view, 0, 0.05)


def _calls() -> None:
    """What a traffic manager and walkers' navigation send to a town, a tick of it, and its snapshot.

    A manager that waits while its server compiles would be taken for asleep.
    """
    import msgpack

    from sim.server.calls import dispatch
    from sim.server.maps import MapCatalogue
    from sim.server.protocol.command_batch import CONTROL, TRANSFORM, WALKER_STATE
    from sim.server.protocol.wire import Request, RpcReader
    from sim.server.session import Session
    from sim.server.world.parts import PARTS

    maps = MapCatalogue(PARTS.build_scene, 0)
    session = Session(PARTS, maps, 0, maps.scene(TOWN), _nothing, _nothing, (), _nothing, 0)
    pack = msgpack.Packer(use_single_float=True).pack  # as the client packs

    def call(name: str, *arguments: Any) -> Any:
        (request,) = RpcReader().feed(pack([0, 0, name, [[False], *arguments]]))
        assert isinstance(request, Request)
        return msgpack.unpackb(dispatch.answer(session, request))[3][0][-1]

    def spawn(type_id: str, x: float) -> int:
        return int(call("spawn_actor", [0, type_id, []], [[x, 0.0, HIGH_M], [0.0, 0.0, 0.0]])[0])

    pose = [[0.0, 0.0, HIGH_M], [0.0, 0.0, 0.0]]
    car, walker = spawn("vehicle.audi.a2", 0.0), spawn("walker.pedestrian.0001", 9.0)
    control = [0.5, 0.0, 0.0, False, False, False, 1]
    for command in [CONTROL, [car, control]], [TRANSFORM, [car, pose]], [WALKER_STATE, [walker, pose, 1.0]]:
        call("apply_batch", [[command]], False)
    call("tick_cue")
    call("get_environment_objects", ANY_LABEL)
    session.snapshot()
    session.close()
    session.world.bench.close()


def _nothing(*_: object) -> None:
    """Frames go to nobody."""


if __name__ == "__main__":
    when_stdin_ends(lambda: os._exit(1))
    compile_here(print)
