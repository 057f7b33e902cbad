"""A recorded run as a data set: one scene, labelled with what the log says is true.

A log has no instance masks, so objects have boxes without masks, two-wheelers without their riders apart, and outlines
are projected boxes. Frames that lack a picture, or the truth of one, are left out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml

from perception.frame import Frame as Sensed
from perception.objects import LightState, ObjectClass
from sim.dataset.config import DatasetConfig
from sim.dataset.drivable import write_mask
from sim.dataset.geometry import corners, inverse, moved, project_box, rotation_of
from sim.dataset.label import FREE, PARTLY, STATE
from sim.dataset.records import (
    Box,
    CameraInfo,
    CameraLabels,
    Labels,
    LidarInfo,
    LightLabel,
    ObjectLabel,
    SceneInfo,
    ViewLabel,
    pose_rows,
    to_json,
    vec,
)
from sim.dataset.store import SCENES, DataSetError, begin_folder, encoded_picture, finish_folder, write_bytes
from sim.log.reader import LoggedTick, LogReader
from sim.truth import Truth, TruthBoxes2D

CATEGORY = {
    ObjectClass.CAR: "car",
    ObjectClass.TRUCK: "truck",
    ObjectClass.BUS: "bus",
    ObjectClass.MOTORCYCLE: "motorcycle",
    ObjectClass.BICYCLE: "bicycle",
    ObjectClass.PEDESTRIAN: "adult",
    ObjectClass.UNKNOWN: "car",
}
USUAL_LIDAR = (32, -30.0, 10.0)
"""Channels, lowest and highest elevation in degrees where the log's configuration does not tell."""


def import_log(log: LogReader, folder: Path, config: DatasetConfig) -> SceneInfo:
    """Write the log's one scene into the data set at ``folder``.

    Raises DataSetError for a log without such frames, and where the folder has a scene of another recording.
    """
    kind = ".jpg" if config.images.format == "jpg" else ".png"
    name = f"00000_{Path(log.metadata.get('map', 'map')).stem}_{log.metadata.get('scenario', 'run')}"
    final = folder / SCENES / name
    others = [there.name for there in (folder / SCENES).glob("*") if there.name != name]
    if others:
        raise DataSetError(f"{folder}: holds the scene {others[0]} of another recording; give another --out")
    filling = begin_folder(final)
    info: SceneInfo | None = None
    count, last_us = 0, 0
    for tick in log.ticks():
        frame, truth = tick.frame, tick.truth
        if frame is None or truth is None or not truth.cameras or not _complete(frame, truth, info):
            continue
        if info is None:
            info = _info(log, frame, name, config)
        labels = _labels(tick, frame, truth, info, count, config)
        for camera in info.cameras:
            picture = encoded_picture(kind, frame.images[camera].bgr, config.images.quality)
            write_bytes(filling / f"{count:06d}_{camera}{kind}", picture)
        for lidar in info.lidars:
            sweep = frame.sweeps[lidar]
            points = np.column_stack([sweep.points_lidar_m, sweep.intensity]).astype("<f4")
            write_bytes(filling / f"{count:06d}_{lidar}.bin", points[np.isfinite(points).all(axis=1)].tobytes())
        write_bytes(filling / f"{count:06d}.json", to_json(labels))
        count, last_us = count + 1, frame.t_us
    if info is None or count == 0:
        raise DataSetError(f"{log.path}: no frame has pictures with true boxes; record with truth.boxes2d_every=1")
    step_s = log.world.step_s if count < 2 else last_us * 1e-6 / (count - 1)
    info = SceneInfo(**{**vars(info), "frames": count, "frame_s": round(step_s, 6)})
    write_bytes(filling / "scene.json", to_json(info))
    finish_folder(filling, final)
    write_mask(folder, info.map, log.world.lane_graph)
    return info


def _complete(frame: Sensed, truth: Truth, info: SceneInfo | None) -> bool:
    """Whether a frame has a picture with truth of every camera, and every sweep, that the first one had. What only
    later frames have is left out."""
    named = {boxes.camera for boxes in truth.cameras}
    cameras = set(frame.images) if info is None else set(info.cameras)
    lidars = set() if info is None else set(info.lidars)
    return bool(cameras) and cameras <= set(frame.images) & named and lidars <= set(frame.sweeps)


def _info(log: LogReader, frame: Sensed, name: str, config: DatasetConfig) -> SceneInfo:
    world = log.world
    run = yaml.safe_load(log.metadata.get("config", "") or "{}") or {}
    known = run.get("sensors", {}).get("lidars", {})
    lidars = {}
    for lidar, sweep in frame.sweeps.items():
        spec = known.get(lidar, {})
        fields = ("channels", "lower_fov_deg", "upper_fov_deg")
        usual = dict(zip(fields, USUAL_LIDAR, strict=True))
        channels, lower, upper = (spec.get(key, usual[key]) for key in fields)
        lidars[lidar] = LidarInfo(pose_rows(sweep.ego_from_lidar), int(channels), float(lower), float(upper))
    return SceneInfo(
        name=name,
        map=Path(log.metadata.get("map", world.lane_graph.name)).stem,
        weather=str(run.get("weather", "as recorded")),
        split="train",
        mode="sequences",
        seed=int(log.metadata.get("seed", 0)),
        frame_s=world.step_s,
        frames=0,
        picture=config.images.format,
        ego_type=str(run.get("ego", "vehicle")),
        ego_size_m=vec((world.vehicle.length_m, world.vehicle.width_m, world.vehicle.height_m)),
        cameras={
            camera: CameraInfo(
                image.camera.width,
                image.camera.height,
                pose_rows(image.camera.intrinsics),
                pose_rows(image.camera.ego_from_camera),
            )
            for camera, image in frame.images.items()
        },
        lidars=lidars,
        has_masks=False,
        has_depth=False,
        has_flow=False,
        amodal="projected boxes",
    )


def _labels(
    tick: LoggedTick, frame: Sensed, truth: Truth, info: SceneInfo, index: int, config: DatasetConfig
) -> Labels:
    objects = tuple(_object(truth, k) for k in range(len(truth.actor_id)))
    cameras = {
        boxes.camera: _views(boxes, frame, truth, objects) for boxes in truth.cameras if boxes.camera in info.cameras
    }
    return Labels(
        index=index,
        t_us=tick.t_us,
        key=index % config.sequence.keyframe_every == 0,
        world_from_ego=pose_rows(truth.world_from_ego),
        ego_velocity_mps=vec(truth.ego_velocity_mps),
        weather={},
        objects=objects,
        cameras={name: cameras[name] for name in info.cameras},
        lights={signal: STATE[LightState(state)] for signal, state in sorted(truth.lights.items())},
    )


def _object(truth: Truth, k: int) -> ObjectLabel:
    box = truth.boxes_world_m[k]
    kind = CATEGORY[ObjectClass(int(truth.classes[k]))]
    return ObjectLabel(
        id=int(truth.actor_id[k]),
        category=kind,
        type_id=truth.type_id[k],
        center_world_m=vec(box[:3]),
        size_m=vec(box[3:6]),
        yaw_rad=round(float(box[6]), 6),
        pitch_rad=0.0,
        roll_rad=0.0,
        velocity_world_mps=vec(truth.velocity_world_mps[k]),
        lidar_points=int(truth.lidar_points[k]),
    )


def _views(boxes: TruthBoxes2D, frame: Sensed, truth: Truth, objects: tuple[ObjectLabel, ...]) -> CameraLabels:
    camera = frame.images[boxes.camera].camera
    camera_from_world = inverse(truth.world_from_ego @ camera.ego_from_camera)
    by_id = {label.id: label for label in objects}
    views: list[ViewLabel] = []
    lights: list[LightLabel] = []
    for k in range(len(boxes.actor_id)):
        visible: Box | None = None if np.isnan(boxes.visible_px[k]).any() else vec(boxes.visible_px[k], 3)
        share, cut = round(float(boxes.visibility[k]), 4), round(float(boxes.truncation[k]), 4)
        pixels = int(boxes.pixels[k])
        if boxes.classes[k] == ObjectClass.TRAFFIC_LIGHT:
            state = STATE[LightState(int(boxes.light_state[k]))]
            name = str(int(boxes.actor_id[k]))
            lights.append(LightLabel(name, state, vec(boxes.full_px[k], 3), visible, pixels, share, cut))
            continue
        label = by_id.get(int(boxes.actor_id[k]))
        outline = None
        if label is not None:
            turn = rotation_of(label.yaw_rad, label.pitch_rad, label.roll_rad)
            ends = corners(np.array(label.center_world_m), np.array(label.size_m), turn)
            outline = project_box(moved(ends, camera_from_world), camera)
        if label is None or outline is None:
            continue
        whole = boxes.full_px[k]
        if visible is not None:
            whole = np.concatenate([np.minimum(whole[:2], visible[:2]), np.maximum(whole[2:], visible[2:])])
        occlusion = 3 if pixels == 0 else 0 if share >= FREE else 1 if share >= PARTLY else 2
        views.append(
            ViewLabel(
                id=label.id, visible_px=visible, amodal_px=vec(whole, 3), projected_px=vec(outline.box_px, 3),
                pixels=pixels, amodal_pixels=-1, visibility=share, truncation=cut, occlusion=occlusion,
                order=len(views), depth_m=None,
            )
        )  # fmt: skip
    return CameraLabels(tuple(views), tuple(lights))
