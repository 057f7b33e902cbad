"""Tries a client's OpenDRIVE text in a process of its own, before the server reads it.

CARLA's map library, which the scene is built with, ends its process on some broken files, and on others takes memory
or time without bound. ``python -m sim.server.scene.trial`` is that process: text on standard input, one line out.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

STEP_M = 5.0
MAX_LANES_KM = 3000.0
"""Length of all lanes together: ten times CARLA's largest towns."""
MAX_EXTENT_M = 50_000.0
"""From the origin: beyond it a float 32 has no millimetres left."""
TIME_S = 60
MEMORY_BYTES = 6 << 30


class MapTrialError(ValueError):
    """The text is no map that can be built; the message says why."""


def try_opendrive(opendrive: str) -> None:
    """Raises MapTrialError where CARLA's library refuses the text, dies of it, or finds a world beyond all bounds."""
    command = [sys.executable, "-m", "sim.server.scene.trial"]
    try:
        data = opendrive.encode("utf-8", "surrogatepass")
        done = subprocess.run(command, input=data, capture_output=True, timeout=2 * TIME_S, check=False)
    except subprocess.TimeoutExpired:
        raise MapTrialError(f"reading it takes longer than {TIME_S} s") from None
    if done.returncode < 0:
        raise MapTrialError(f"CARLA's map library does not survive it (signal {-done.returncode})")
    try:
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        raise MapTrialError("CARLA's map library cannot read it") from None
    if "error" in found:
        raise MapTrialError(str(found["error"]))


def _look(opendrive: str) -> dict[str, Any]:
    """Ask the library everything that the scene will ask."""
    import carla

    road_map = carla.Map("trial", opendrive)
    waypoints = road_map.generate_waypoints(STEP_M)
    if len(waypoints) * STEP_M > MAX_LANES_KM * 1000.0:
        return {"error": f"its lanes are longer than {MAX_LANES_KM:g} km together"}
    for waypoint in waypoints:
        at = waypoint.transform.location
        # written so that what is not a number fails, too
        if not (abs(at.x) < MAX_EXTENT_M and abs(at.y) < MAX_EXTENT_M and abs(at.z) < MAX_EXTENT_M):
            where = f"({at.x:g}, {at.y:g}, {at.z:g}) m"
            return {"error": f"road {waypoint.road_id} reaches {where}, more than {MAX_EXTENT_M:g} m from the origin"}
        waypoint.next(STEP_M)
        waypoint.previous(STEP_M)
        for _ in (waypoint.get_left_lane(), waypoint.get_right_lane(), waypoint.left_lane_marking):
            pass
        if waypoint.is_junction:
            waypoint.get_junction().get_waypoints(carla.LaneType.Any)
    road_map.get_topology()
    road_map.get_crosswalks()
    road_map.get_all_landmarks()
    return {"waypoints": len(waypoints)}


def main() -> None:
    """The process: bounded, and without a core file."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (TIME_S, TIME_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        found = _look(sys.stdin.buffer.read().decode("utf-8", "surrogatepass"))
    except Exception as error:  # whatever the library raises is its answer
        found = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
