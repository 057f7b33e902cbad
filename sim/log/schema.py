"""What stands in a log: topics, schemas, attachments. One MCAP file a run, readable in Foxglove and Rerun.

Sensor data and everything to look at use Foxglove's protobuf schemas; our records are JSON channels beside them. A log
holds all that replay and evaluation need: no map, no configuration is looked up elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from perception.frame import FloatArray, Imu, VehicleModel
from perception.objects import Detections, MapLight, Tracks
from planning.lanes import LaneGraph
from planning.records import Forecasts, Plan
from sim.source.base import Route
from sim.truth import Truth

FORMAT = "roadlab-log/1"


@dataclass(frozen=True)
class FrameHead:
    """A Frame without its images and points, which stand on topics of their own: the names say which belong to it."""

    index: int
    t_us: int
    images: tuple[str, ...]
    sweeps: tuple[str, ...]
    mounts: dict[str, FloatArray]  # ego_from_camera or ego_from_lidar by sensor name, exactly
    imu: Imu | None
    gnss_world_m: FloatArray | None
    gnss_fix: tuple[float, ...]  # latitude, longitude in degrees, altitude in metres; empty without a fix
    speed_mps: float
    steer_rad: float
    missing: tuple[str, ...]


@dataclass(frozen=True)
class StepHead:
    """Timing and health of one step of the stack."""

    index: int
    timing_ms: dict[str, float]
    source_ms: float
    health: tuple[str, ...]


@dataclass(frozen=True)
class World:
    """What the source knew before the first frame (attachment ``world.json``)."""

    vehicle: VehicleModel
    step_s: float
    route: Route
    map_lights: tuple[MapLight, ...]
    lane_graph: LaneGraph


RECORD_TOPICS: dict[str, type] = {
    "/roadlab/truth": Truth,
    "/roadlab/detections": Detections,
    "/roadlab/tracks": Tracks,
    "/roadlab/forecasts": Forecasts,
    "/roadlab/plan": Plan,
}
FRAME_TOPIC = "/roadlab/frame"
COMMAND_TOPIC = "/roadlab/command"
STEP_TOPIC = "/roadlab/step"
IMAGE_TOPIC = "/camera/{name}/image"
CALIBRATION_TOPIC = "/camera/{name}/calibration"
ANNOTATION_TOPIC = "/camera/{name}/annotations"
SWEEP_TOPIC = "/lidar/{name}/points"
FIX_TOPIC = "/gnss/fix"
TRANSFORM_TOPIC = "/tf"
SCENE_TOPIC = "/scene"
