"""From a layout table to OpenDRIVE text. The same table gives the same bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from xml.etree import ElementTree

from scenariogeneration import xodr

from sim.towns import furniture
from sim.towns.arms import Arm, Movement, movements
from sim.towns.curves import Piece, Pose, length, plan_view, smooth, turn
from sim.towns.layout import RING, Control, End, Node, Profile, RoadLine, Roundabout, Town
from sim.towns.section import LaneLink, connecting_lanes, hill, road_lanes

FIRST_JUNCTION_ID = 10_000
FIRST_CONNECTING_ID = 1_000
FIRST_CONTROLLER_ID = 20_000
FIRST_FURNITURE_ID = 30_000
SPEED_SIGN_MIN_ROAD_M = 60.0  # a shorter road carries no speed sign
RING_GATE_M = 10.0  # half the stretch of the ring, along the chord, that belongs to one leg's junction
DECIMALS = 12  # of every number in the file: finer than any use of it, coarser than differences between processors
KINDS = {Control.SIGNALS: furniture.TRAFFIC_LIGHT, Control.STOP: furniture.STOP, Control.YIELD: furniture.YIELD}


@dataclass
class _Draft:
    """A map under construction."""

    town: Town
    drive: xodr.OpenDrive
    roads: dict[int, xodr.Road] = field(default_factory=dict)
    arms: dict[str, list[Arm]] = field(default_factory=dict)  # by node
    junction_ids: dict[str, int] = field(default_factory=dict)
    controllers: list[tuple[int, int, list[str]]] = field(default_factory=list)  # junction, controller, signals
    next_connecting: int = FIRST_CONNECTING_ID
    next_furniture: int = FIRST_FURNITURE_ID

    def furniture_id(self) -> int:
        self.next_furniture += 1
        return self.next_furniture


def build(town: Town) -> str:
    """OpenDRIVE 1.4 text of a town.

    Raises:
        ValueError: when the table names an unknown node, or a lane at a node leads nowhere or comes from nowhere.
    """
    geo = (
        f"+proj=tmerc +lat_0={town.latitude_deg} +lon_0={town.longitude_deg} +k=1 +x_0=0 +y_0=0 "
        "+datum=WGS84 +units=m +vunits=m +no_defs"
    )
    draft = _Draft(town, xodr.OpenDrive(town.name, revMinor="4", geo_reference=geo))
    nodes = {node.name: node for node in town.nodes}
    draft.junction_ids = {name: FIRST_JUNCTION_ID + i for i, name in enumerate(_junction_names(town))}
    for line in town.roads:
        _add_road(draft, nodes, line)
    for node in town.nodes:
        if isinstance(node, Roundabout):
            _add_ring(draft, node)
    for name in draft.junction_ids:
        _add_junction(draft, name, nodes.get(name))
    return _text(draft)


def _leg(line: RoadLine, end: End, nodes: dict[str, Node | Roundabout]) -> str:
    """Name of the junction at a road's end: the node, or one leg of a roundabout."""
    if end.node not in nodes:
        raise ValueError(f"road {line.name!r}: no node {end.node!r}; the table has {sorted(nodes)}")
    return f"{end.node}/{line.name}" if isinstance(nodes[end.node], Roundabout) else end.node


def _junction_names(town: Town) -> list[str]:
    nodes = {node.name: node for node in town.nodes}
    names: dict[str, None] = {}
    for line in town.roads:
        names.setdefault(_leg(line, line.start, nodes))
        names.setdefault(_leg(line, line.end, nodes))
    return list(names)


def _end_pose(end: End, node: Node | Roundabout) -> Pose:
    """The road's end at a node, heading away from the node."""
    setback = node.setback_m if end.setback_m is None else end.setback_m
    return Pose(*node.centre_m, math.radians(end.bearing_deg)).shifted(setback, end.offset_m)


def _register(draft: _Draft, name: str, junctions: tuple[str, str], profile: Profile, pieces: list[Piece]) -> int:
    """Create a road between two junctions and note its two arms."""
    road_id = len(draft.roads) + 1
    road = xodr.Road(road_id, plan_view(pieces), road_lanes(profile), name=name, rule=xodr.TrafficRule.RHT)
    road.add_predecessor(xodr.ElementType.junction, draft.junction_ids[junctions[0]])
    road.add_successor(xodr.ElementType.junction, draft.junction_ids[junctions[1]])
    draft.roads[road_id] = road
    draft.drive.add_road(road)
    reach = length(pieces)
    x, y, heading = road.planview.get_end_point()
    for junction, at_end, pose in (
        (junctions[0], False, pieces[0].start.reversed()),
        (junctions[1], True, Pose(x, y, heading)),
    ):
        draft.arms.setdefault(junction, []).append(Arm(road_id, name, profile, reach, at_end, pose))
    return road_id


def _add_road(draft: _Draft, nodes: dict[str, Node | Roundabout], line: RoadLine) -> None:
    junctions = (_leg(line, line.start, nodes), _leg(line, line.end, nodes))
    poses = [
        _end_pose(line.start, nodes[line.start.node]),
        *(Pose(via.x_m, via.y_m, math.radians(via.heading_deg)) for via in line.via),
        _end_pose(line.end, nodes[line.end.node]).reversed(),
    ]
    pieces = smooth(poses)
    road_id = _register(draft, line.name, junctions, line.profile, pieces)
    road = draft.roads[road_id]
    speed_kmh = line.speed_kmh or line.profile.speed_kmh
    road.add_type(xodr.RoadType[line.profile.road_type], speed=speed_kmh, speed_unit="km/h")
    for s, a, b, c, d in hill(line.hill_m, length(pieces)):
        road.add_elevation(s, a, b, c, d)
    if length(pieces) >= SPEED_SIGN_MIN_ROAD_M:
        for arm in (draft.arms[junctions[0]][-1], draft.arms[junctions[1]][-1]):
            if arm.lanes_out:
                road.add_signal(furniture.speed_sign(arm, draft.furniture_id(), speed_kmh, line.speed_sign_m))


def _add_ring(draft: _Draft, ring: Roundabout) -> None:
    """The stretches of a ring between its legs, counter-clockwise."""
    legs = sorted(
        (name for name in draft.junction_ids if name.startswith(f"{ring.name}/")),
        key=lambda name: draft.arms[name][0].outward_rad,
    )
    gate_rad = math.asin(RING_GATE_M / ring.radius_m)
    inner = ring.radius_m - 0.5 * RING.lane_width_m
    for i, name in enumerate(legs):
        following = legs[(i + 1) % len(legs)]
        begin = draft.arms[name][0].outward_rad + gate_rad
        sweep = (draft.arms[following][0].outward_rad - gate_rad - begin) % (2.0 * math.pi)
        start = Pose(
            ring.centre_m[0] + inner * math.cos(begin),
            ring.centre_m[1] + inner * math.sin(begin),
            begin + 0.5 * math.pi,
        )
        pieces = [Piece(start, inner * sweep, 1.0 / inner, 1.0 / inner)]
        road_id = _register(draft, f"{ring.name} ring {i + 1}", (name, following), RING, pieces)
        draft.roads[road_id].add_type(xodr.RoadType.town, speed=RING.speed_kmh, speed_unit="km/h")
        draft.roads[road_id].add_elevation(0.0, 0.0, 0.0, 0.0, 0.0)


def _add_junction(draft: _Draft, name: str, node: Node | Roundabout | None) -> None:
    """Connecting roads, lights, signs and crosswalks where roads meet. ``node`` is None at a leg of a roundabout."""
    arms = draft.arms[name]
    free = isinstance(node, Node) and node.control is Control.FREE
    junction = xodr.Junction(name, draft.junction_ids[name])
    found = movements(arms, free)
    _check_coverage(name, arms, found)
    for movement in found:
        _connect(draft, junction, movement)
    draft.drive.add_junction(junction)
    if isinstance(node, Node):
        _furnish(draft, name, node, arms)
        return
    for arm in arms:  # of a leg of a roundabout: the leg gives way
        if arm.profile is not RING and arm.lanes_in:
            draft.roads[arm.road_id].add_signal(furniture.gate(arm, furniture.YIELD, draft.furniture_id()))
            if arm.profile.has_sidewalk:
                draft.roads[arm.road_id].add_object(furniture.crosswalk(arm, draft.furniture_id()))


def _check_coverage(name: str, arms: list[Arm], found: list[Movement]) -> None:
    for arm in arms:
        used_in = {m.lane_in for m in found if m.source is arm}
        used_out = {m.lane_out for m in found if m.target is arm}
        for what, used, count in (("into", used_in, arm.lanes_in), ("out of", used_out, arm.lanes_out)):
            missing = set(range(count)) - used
            if missing:
                raise ValueError(
                    f"junction {name!r}: lanes {sorted(missing)} of road {arm.road_name!r} {what} it join no "
                    "other lane; change the profiles or the arms of that node"
                )


def _connect(draft: _Draft, junction: xodr.Junction, movement: Movement) -> None:
    """The connecting road of one movement: its reference line is the left edge of its driving lane."""
    source, target = movement.source, movement.target
    pieces = turn(source.left_edge_in(movement.lane_in), target.left_edge_out(movement.lane_out))
    sign_in, sign_out = source.sign_in, -target.sign_in
    right = [
        LaneLink(
            "driving",
            source.profile.lane_width_m,
            target.profile.lane_width_m,
            sign_in * (movement.lane_in + 1),
            sign_out * (movement.lane_out + 1),
        )
    ]
    if movement.corner and movement.lane_out == target.lanes_out - 1:
        for i, (a, b) in enumerate(zip(source.strips_in, target.strips_out, strict=False)):
            if a.kind == b.kind:
                before, after = sign_in * (source.lanes_in + 1 + i), sign_out * (target.lanes_out + 1 + i)
                right.append(LaneLink(a.kind, a.width_m, b.width_m, before, after))
    left = []
    if movement.inner:
        a, b = source.profile.left_strips[0], target.profile.left_strips[0]
        left.append(LaneLink(a.kind, a.width_m, b.width_m, 1, 1))
    road_id = draft.next_connecting
    draft.next_connecting += 1
    reach = length(pieces)
    road = xodr.Road(
        road_id,
        plan_view(pieces),
        connecting_lanes(right, left, reach),
        road_type=junction.id,
        name=f"{source.road_name} to {target.road_name}",
        rule=xodr.TrafficRule.RHT,
    )
    road.add_type(xodr.RoadType.town, speed=min(source.profile.speed_kmh, target.profile.speed_kmh), speed_unit="km/h")
    road.add_elevation(0.0, 0.0, 0.0, 0.0, 0.0)
    ends = (xodr.ContactPoint.start, xodr.ContactPoint.end)
    road.add_predecessor(xodr.ElementType.road, source.road_id, ends[source.at_end])
    road.add_successor(xodr.ElementType.road, target.road_id, ends[target.at_end])
    draft.drive.add_road(road)
    connection = xodr.Connection(source.road_id, road_id, xodr.ContactPoint.start)
    for sign, links in ((-1, right), (1, left)):
        for i, link in enumerate(links):
            connection.add_lanelink(link.lane_before, sign * (i + 1))
    junction.add_connection(connection)


def _furnish(draft: _Draft, name: str, node: Node, arms: list[Arm]) -> None:
    phases: list[list[str]] = [[], []]
    first = min(arm.outward_rad for arm in arms)
    for arm in arms:
        road = draft.roads[arm.road_id]
        gives_way = node.control is Control.SIGNALS or arm.road_name in node.minor
        if arm.lanes_in and gives_way and node.control in KINDS:
            signal_id = draft.furniture_id()
            road.add_signal(furniture.gate(arm, KINDS[node.control], signal_id))
            # arms within 45 degrees of the first arm's axis form the first phase
            across = abs(math.sin(arm.outward_rad - first)) > math.sin(math.radians(45.0))
            phases[int(across)].append(str(signal_id))
        if node.crosswalks and node.control is not Control.FREE and arm.profile.has_sidewalk:
            road.add_object(furniture.crosswalk(arm, draft.furniture_id()))
    if node.control is Control.SIGNALS:
        for signals in phases:
            if signals:
                controller = FIRST_CONTROLLER_ID + len(draft.controllers)
                draft.controllers.append((draft.junction_ids[name], controller, signals))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _text(draft: _Draft) -> str:
    """The finished file. Controllers are not part of ``scenariogeneration``, and its header carries today's date."""
    root = draft.drive.get_element()
    header = root.find("header")
    assert header is not None
    header.set("date", "2025-01-01T00:00:00")
    header.set("vendor", "roadlab")
    for crossing in root.iter("object"):  # OpenDRIVE 1.4, and CARLA, know one outline, without a list around it
        outlines = crossing.find("outlines")
        if outlines is not None:
            crossing.remove(outlines)
            crossing.extend(list(outlines))
    for element in root.iter():
        for key, value in element.attrib.items():
            if "." in value and _is_number(value):
                element.set(key, repr(round(float(value), DECIMALS)))
    junctions = {int(junction.get("id", "-1")): junction for junction in root.findall("junction")}
    place = len(root) - len(junctions)
    sequence: dict[int, int] = {}
    for junction_id, controller_id, signals in draft.controllers:
        phase = sequence.get(junction_id, 0)
        sequence[junction_id] = phase + 1
        controller = ElementTree.Element(
            "controller", id=str(controller_id), name=f"ctrl{controller_id}", sequence=str(phase)
        )
        for signal_id in signals:
            ElementTree.SubElement(controller, "control", signalId=signal_id, type="")
        root.insert(place, controller)
        place += 1
        ElementTree.SubElement(
            junctions[junction_id], "controller", id=str(controller_id), type="0", sequence=str(phase)
        )
    ElementTree.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"
