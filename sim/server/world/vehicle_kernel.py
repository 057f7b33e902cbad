"""One vehicle over one sub-step: engine, gearbox, brakes, four tyres, load transfer.

Tyres follow the brush model in the form of Fiala (1954), as PhysX's vehicle SDK does: with the normalised slip
``k = C tan(a) / (mu Fz)`` the side force is ``mu Fz (k - k^2/3 + k^3/27)`` and saturates at ``k = 3``. Braking and
driving take their share of the friction ellipse first. Two bounds make the model stable at any speed and any
sub-step, and exact at standstill:

* brakes and rolling resistance are Coulomb friction: at most what stops the vehicle within the sub-step, so
  that a vehicle held by its brakes does not creep;
* a tyre's side force is at most what stops the side slip of the mass that it carries within the sub-step. Below
  about 2 m/s this bound is the active one: the wheels roll where they point, which is the kinematic model.
"""

from __future__ import annotations

import math
from typing import Any

from numba import njit

from sim.server.scene.ground import OFF_ROAD
from sim.server.world.bodies import Bodies
from sim.server.world.tumble_kernel import start_tumbling

GRAVITY_MPS2 = 9.81
STEER_RATE_RADPS = 4.0
"""Road-wheel speed of the steering: lock to lock in a third of a second, what the client's traffic manager expects."""
THRUST_ANGLE_RAD = 8e-4
"""By which wheels point left of the body, as a real car's axles do by up to 3e-3: it drifts 8 cm in 100 m. A body that
runs to the millimetre where its lane goes is nothing that programs expect: CARLA's agents look for what lies ahead at
angles above zero, and would overlook every light."""
RIDER_GRIP = 0.625
"""Share of the friction that the rider of a two-wheeler dares to use in a curve."""
RIDER_SHIFT = 0.4
"""Most of a two-wheeler's axle load that throttle or brake takes away: the rider leans against it."""
RIDER_CURVE_MPS2 = 5.9
"""Sideways acceleration at which a rider shuts the throttle: the client's traffic manager takes bends with 0.6 g and
opens it before they end, and a motorcycle with its power would then leave the lane."""
ROLLING_RESISTANCE = 0.012
"""Force per load of a passenger-car tyre on asphalt (Wong, Theory of Ground Vehicles)."""
OFF_ROAD_ROLLING_RESISTANCE = 0.05
"""The same on grass and firm soil."""
OFF_ROAD_GRIP = 0.6
"""Friction on grass and soil, of that on asphalt."""
LENGTHWISE_GRIP = 0.6
"""Friction lengthwise, of that sideways: the friction circle is an ellipse. Sideways the vehicles need more than real
tyres have, since the client's traffic manager takes bends at up to 1.4 g; braking and traction stay those of real ones,
dry and wet."""
FIRST_LENGTHWISE = 0.5
"""Share of the lengthwise friction that brakes and engine may claim before the side force; what is left of the ellipse
after the side force is theirs again. That is what anti-lock and stability control do: the car stays steerable..."""
SIDE_GRIP_LOCKED = 0.1
"""... but not by the hand brake."""
SIDE_STOP_SHARE = 0.9
"""Share of the side slip that tyres may stop in one sub-step; below 1, since all wheels are solved at once."""
PUSH_LAG_S = 0.1
"""Load transfer follows the tyre forces with the lag of the suspension."""
TILT_LAG_S = 0.2
PITCH_PER_MPS2 = 0.003
"""Body pitch under acceleration: 1.7 degrees at 1 g."""
ROLL_PER_MPS2 = 0.007
"""Body roll in a curve: 4 degrees at 1 g."""
MAX_LEAN_RAD = 0.65
"""37 degrees: beyond, a motorcycle grounds and its rider hangs off instead."""
SLIP_SPEED_MPS = 0.1
"""Least speed in the slip angle; below, the side slip is stopped outright."""
TIP_RADPS = 0.3
"""Roll rate with which a vehicle starts to turn over: what the springs of the lifted side give it."""
BITE = 5.0
"""Engaged share of the clutch per share of throttle below the idle speed: a standing car does not creep, and a fifth of
the pedal closes the clutch."""
STILL_MPS = 0.02
STILL_RADPS = 0.02
"""What is slower than this while its brakes hold it stands still."""


@njit(cache=True, nogil=True)
def _curve(points: Any, count: int, x: float) -> float:
    """Piecewise linear, constant beyond the ends."""
    if count == 0:
        return 1.0
    if x <= points[0, 0]:
        return float(points[0, 1])
    for k in range(1, count):
        if x <= points[k, 0]:
            x0, x1 = points[k - 1, 0], points[k, 0]
            part = (x - x0) / (x1 - x0) if x1 > x0 else 1.0
            return float(points[k - 1, 1] + part * (points[k, 1] - points[k - 1, 1]))
    return float(points[count - 1, 1])


@njit(cache=True, nogil=True)
def _steer(b: Any, speed: float, dt: float) -> None:
    """Move the rack towards the commanded angle."""
    target = b.steer * b.max_steer * _curve(b.steering_curve, b.steering_points, speed)
    if b.leans:  # its rider turns no tighter than the lean allows
        dared = RIDER_GRIP * GRAVITY_MPS2 * b.wheel_grip[0]
        tightest = math.atan(dared * b.wheel_base / max(speed * speed, 1.0))
        target = min(max(target, -tightest), tightest)
    step = STEER_RATE_RADPS * dt
    b.steer_angle += min(max(target - b.steer_angle, -step), step)


@njit(cache=True, nogil=True)
def _ratio(b: Any, gear: int) -> float:
    """Engine revolutions per wheel revolution; reverse uses the first gear's ratio."""
    if gear == 0 or b.gear_count == 0:
        return 0.0
    return float(b.final_ratio * b.gears[gear - 1, 0]) if gear > 0 else float(-b.final_ratio * b.gears[0, 0])


@njit(cache=True, nogil=True)
def _choose_gear(b: Any, wheel_radps: float, dt: float) -> None:
    """Shift: the automatic by the shaft's speed, the manual by command; between gears the clutch is open."""
    if b.switch_left_s > 0.0:
        b.switch_left_s -= dt
        if b.switch_left_s > 1e-9:
            return
        b.switch_left_s = 0.0
        b.gear = b.next_gear
    target = b.gear
    if b.manual:
        target = min(max(b.wanted_gear, -1), b.gear_count)
    elif b.reverse:
        target = -1
    elif b.gear <= 0:
        target = min(1, b.gear_count)
    elif b.autobox:
        use = wheel_radps * abs(_ratio(b, b.gear)) / b.max_radps  # in the gear that is in by now
        if use > b.gears[b.gear - 1, 2] and b.gear < b.gear_count:
            target = b.gear + 1
        elif b.gear > 1 and use < b.gears[b.gear - 1, 1]:
            # not where the lower gear would at once ask for the higher one again
            lower = use * b.gears[b.gear - 2, 0] / b.gears[b.gear - 1, 0]
            if lower < 0.9 * b.gears[b.gear - 2, 2]:
                target = b.gear - 1
    if target != b.gear:
        b.next_gear = target
        b.switch_left_s = b.switch_s
        if b.switch_s <= 0.0:
            b.gear = target


@njit(cache=True, nogil=True)
def _dared_throttle(b: Any) -> float:
    """Throttle that reaches the engine: who leans on two wheels opens it with care."""
    if not b.leans:
        return float(b.throttle)
    used = b.push_lat / RIDER_CURVE_MPS2
    return float(b.throttle) * max(1.0 - used * used, 0.0)


@njit(cache=True, nogil=True)
def _drive_torque(b: Any, wheel_radps: float, radius: float, dt: float) -> float:
    """Torque of all driven wheels together, N m; advances the engine.

    Engine and gearbox are coupled by a viscous clutch, solved implicitly in the engine speed.
    """
    _choose_gear(b, wheel_radps, dt)
    ratio = _ratio(b, b.gear)
    shaft = wheel_radps * ratio
    engaged = ratio != 0.0 and b.switch_left_s <= 0.0
    torque = 0.0
    if b.switch_left_s > 0.0 and b.next_gear != 0:  # the engine is brought to the speed of the coming gear: no jerk
        wanted = max(wheel_radps * _ratio(b, b.next_gear), b.idle_radps)
        b.engine_radps += (wanted - b.engine_radps) * min(2.0 * dt / b.switch_left_s, 1.0)
    elif b.engine_radps < b.max_radps:
        torque = _dared_throttle(b) * _curve(b.torque_curve, b.torque_points, b.engine_radps)
    clutch = 0.0
    damping = b.damping_disengaged
    if engaged:
        damping = b.damping_engaged + b.throttle * (b.damping_full - b.damping_engaged)
        if shaft >= 0.0 or b.throttle > 0.0:  # rolling against the gear without throttle: the automatic freewheels
            clutch = min(b.clutch, 0.5 * b.mass * radius * radius / (ratio * ratio * dt))
            if shaft < b.idle_radps:
                clutch *= min(BITE * b.throttle, 1.0)
    inertia = b.engine_inertia / dt
    engine = (inertia * b.engine_radps + torque + clutch * shaft) / (inertia + damping + clutch)
    passed = min(max(clutch * (max(engine, 0.0) - shaft), -b.peak_torque), b.peak_torque)
    engine = (inertia * b.engine_radps + torque - passed) / (inertia + damping)
    b.engine_radps = min(max(engine, b.idle_radps), 1.1 * b.max_radps)
    return passed * ratio


@njit(cache=True, nogil=True)
def _load_wheels(b: Any, friction_scale: float) -> None:
    """Wheel loads from weight, acceleration and height of the mass centre; friction from ground and weather."""
    count = b.wheel_count
    weight = b.mass * GRAVITY_MPS2 * b.normal[2]
    front, rear = b.wheel_x[0], b.wheel_x[count - 1]
    base = front - rear
    front_share = (b.mass_centre[0] - rear) / base
    per_axle = count // 2
    long_shift = b.mass * b.push_long * b.mass_centre[2] / base / per_axle
    most = weight * min(front_share, 1.0 - front_share) / per_axle  # an axle carries nothing less than nothing
    if b.leans:
        most *= RIDER_SHIFT
    long_shift = min(max(long_shift, -most), most)
    track = b.wheel_y[count - 1] - b.wheel_y[0]
    for k in range(count):
        share = front_share if k < per_axle else 1.0 - front_share
        rest = weight * share / per_axle
        load = rest + (-long_shift if k < per_axle else long_shift)
        if track > 0.0:
            lat_shift = share * b.mass * b.push_lat * b.mass_centre[2] / track
            lat_shift = min(max(lat_shift, -load), load)  # both inner wheels in the air: no more to shift
            load += -lat_shift if b.wheel_y[k] > 0.0 else lat_shift
        b.wheel_rest_load[k] = rest
        b.wheel_load[k] = max(load, 0.0)
        soft = OFF_ROAD_GRIP if b.wheel_surface[k] == OFF_ROAD else 1.0
        friction = b.wheel_friction[k] if b.trigger_friction < 0.0 else b.trigger_friction
        b.wheel_grip[k] = friction * b.grip_per_friction * friction_scale * soft


@njit(cache=True, nogil=True)
def _side_force(b: Any, k: int, along: float, aside: float, used: float, locked: bool, dt: float) -> float:
    """Side force of wheel k, wheel frame, from its velocity and the longitudinal force ``used``."""
    limit = b.wheel_grip[k] * b.wheel_load[k]
    used = abs(used) / LENGTHWISE_GRIP
    if not locked:
        used = min(used, FIRST_LENGTHWISE * limit)
    least = SIDE_GRIP_LOCKED * limit
    left = math.sqrt(max(limit * limit - used * used, least * least))
    slope = aside / max(abs(along), SLIP_SPEED_MPS)
    b.wheel_slip_angle[k] = math.atan(slope)
    if left <= 0.0:
        return 0.0
    rest = b.wheel_rest_load[k]
    reach = min(3.0 * b.wheel_load[k] / (rest * max(b.wheel_stiff_load[k], 1e-3)), 3.0) if rest > 0.0 else 0.0
    stiffness = b.wheel_stiff[k] * rest * (reach - reach * reach / 3.0 + reach * reach * reach / 27.0)
    slip = min(stiffness * abs(slope) / left, 3.0)
    force = left * (slip - slip * slip / 3.0 + slip * slip * slip / 27.0)
    force = min(force, SIDE_STOP_SHARE * rest / GRAVITY_MPS2 * abs(aside) / dt)
    return -force if aside > 0.0 else force


@njit(cache=True, nogil=True)
def _tyre_forces(
    b: Any, v_long: float, v_lat: float, pull_long: float, pull_lat: float, drive: float, dt: float
) -> tuple[float, float, float, bool]:
    """Sum of the tyre forces (body frame), their yaw moment, and whether brakes and rolling resistance hold it.

    v_long, v_lat of the mass centre; pull_long, pull_lat: acceleration by everything but the tyres.
    """
    count = b.wheel_count
    per_axle = count // 2
    tan = math.tan(min(max(b.steer_angle, -1.5), 1.5))
    total_drive = 0.0
    total_brake = 0.0
    for k in range(count):  # what drives and what holds, before sharing out
        limit = LENGTHWISE_GRIP * b.wheel_grip[k] * b.wheel_load[k]
        share = (b.front_drive_share if k < per_axle else 1.0 - b.front_drive_share) / per_axle
        force = min(max(drive * share / b.wheel_radius[k], -limit), limit)
        rolling = OFF_ROAD_ROLLING_RESISTANCE if b.wheel_surface[k] == OFF_ROAD else ROLLING_RESISTANCE
        torque = b.brake * b.wheel_brake[k] + (b.wheel_hand_brake[k] if b.hand_brake else 0.0)
        held = torque + b.wheel_damping[k] * abs(v_long) / b.wheel_radius[k]
        hold = min(held / b.wheel_radius[k] + rolling * b.wheel_load[k], limit)
        b.wheel_long_force[k] = force
        b.wheel_torque[k] = hold  # a force until the loop below turns it into the wheel's torque
        total_drive += force
        total_brake += hold
    free = v_long + (total_drive / b.mass + pull_long) * dt  # speed if nothing held it
    part = 1.0
    held_still = total_brake * dt >= b.mass * abs(free)
    if held_still:
        part = b.mass * abs(free) / (total_brake * dt) if total_brake > 0.0 else 0.0
    sign = 1.0 if free > 0.0 else -1.0
    force_x = force_y = moment = 0.0
    for k in range(count):
        x, y = b.wheel_x[k] - b.mass_centre[0], b.wheel_y[k] - b.mass_centre[1]
        angle = 0.0
        if b.wheel_steers[k] != 0:  # Ackermann: all wheels about one centre on the rear axle's line
            angle = math.atan2(b.wheel_base * tan, b.wheel_base - b.wheel_y[k] * tan)
            if b.wheel_base - b.wheel_y[k] * tan < 0.0:
                angle -= math.copysign(math.pi, tan)
        cos, sin = math.cos(angle), math.sin(angle)
        limit = LENGTHWISE_GRIP * b.wheel_grip[k] * b.wheel_load[k]
        long = b.wheel_long_force[k] - sign * part * b.wheel_torque[k]
        long = min(max(long, -limit), limit)
        at_x, at_y = v_long - b.yaw_rate * y, v_lat + b.yaw_rate * x + pull_lat * dt
        along, aside = cos * at_x + sin * at_y, cos * at_y - sin * at_x
        hand = b.hand_brake and b.wheel_hand_brake[k] > 0.0
        side = _side_force(b, k, along, aside, long, hand, dt)
        if not hand:
            rest = math.sqrt(max((limit / LENGTHWISE_GRIP) ** 2 - side * side, 0.0)) * LENGTHWISE_GRIP
            long = min(max(long, -rest), rest)
        fx, fy = cos * long - sin * side, sin * long + cos * side
        force_x += fx
        force_y += fy
        moment += x * fy - y * fx
        b.wheel_long_force[k] = long
        b.wheel_lat_force[k] = side
        b.wheel_torque[k] = long * b.wheel_radius[k]
        stiff = b.wheel_long_stiff[k] * GRAVITY_MPS2
        locked = hand and abs(long) > 0.0 and abs(free) > STILL_MPS
        b.wheel_slip[k] = -sign if locked else (long / stiff if stiff > 0.0 else 0.0)
        b.wheel_omega[k] = 0.0 if locked else along / b.wheel_radius[k] * (1.0 + sign * b.wheel_slip[k])
    return force_x, force_y, moment, held_still


@njit(cache=True, nogil=True)
def _fly(b: Any, dt: float) -> None:
    """No wheel on the ground: forces from outside and gravity only."""
    for axis in range(3):
        b.velocity[axis] += b.force[axis] / b.mass * dt
    if b.gravity:
        b.velocity[2] -= GRAVITY_MPS2 * dt
    b.yaw_rate += b.torque[2] / b.inertia * dt
    for k in range(b.wheel_count):
        b.wheel_load[k] = b.wheel_long_force[k] = b.wheel_lat_force[k] = b.wheel_torque[k] = 0.0


@njit(cache=True, nogil=True)
def _tilt(b: Any, push_long: float, push_lat: float, dt: float) -> None:
    """Suspension pitch and roll, or the lean of a two-wheeler, from the smoothed tyre forces."""
    b.push_long += (push_long - b.push_long) * min(dt / PUSH_LAG_S, 1.0)
    b.push_lat += (push_lat - b.push_lat) * min(dt / PUSH_LAG_S, 1.0)
    part = min(dt / TILT_LAG_S, 1.0)
    if b.leans:
        lean = math.atan(b.push_lat / GRAVITY_MPS2)
        b.body_roll += (min(max(lean, -MAX_LEAN_RAD), MAX_LEAN_RAD) - b.body_roll) * part
    else:
        b.body_roll += (-ROLL_PER_MPS2 * b.push_lat - b.body_roll) * part
    b.body_pitch += (PITCH_PER_MPS2 * b.push_long - b.body_pitch) * part


@njit(cache=True, nogil=True)
def _lean(b: Any, cos: float, sin: float, dt: float) -> None:
    """A torque about a level axis loads the springs, or lifts the vehicle off its wheels if it is too light."""
    about_x = cos * b.torque[0] + sin * b.torque[1]
    about_y = cos * b.torque[1] - sin * b.torque[0]
    weight = b.mass * GRAVITY_MPS2
    track = b.wheel_y[b.wheel_count - 1] - b.wheel_y[0]
    base = b.wheel_x[0] - b.wheel_x[b.wheel_count - 1]
    if abs(about_x) > 0.5 * weight * track or abs(about_y) > 0.5 * weight * base:
        start_tumbling(b)
        return
    height = b.mass * b.mass_centre[2]  # the springs answer a torque as they do the tyre force that makes the same
    part = min(dt / TILT_LAG_S, 1.0)
    b.body_roll -= ROLL_PER_MPS2 * about_x / height * part
    b.body_pitch -= PITCH_PER_MPS2 * about_y / height * part


@njit(cache=True, nogil=True)
def _tip(b: Any, cos: float, sin: float) -> None:
    """The inner wheels leave the ground: from here on the outer ones are what it turns over."""
    start_tumbling(b)
    turn = math.copysign(TIP_RADPS, b.push_lat)  # pushed to the right, it rolls to the left: right side up
    b.spin[0] += cos * turn
    b.spin[1] += sin * turn


@njit(cache=True, nogil=True)
def _keep_speed(b: Any, cos: float, sin: float) -> None:
    """Constant-velocity mode: the speed is given, the front wheels still say where it turns."""
    along, aside = b.constant_velocity[0], b.constant_velocity[1]
    b.velocity[0] = cos * along - sin * aside
    b.velocity[1] = sin * along + cos * aside
    b.yaw_rate = along * math.tan(b.steer_angle) / b.wheel_base if b.wheel_base > 0.0 else 0.0
    for k in range(b.wheel_count):
        b.wheel_omega[k] = along / b.wheel_radius[k]


@njit(cache=True, nogil=True)
def drive_vehicle(bodies: Bodies, i: int, dt: float, friction_scale: float) -> None:
    """Advance velocity and yaw rate of vehicle ``i`` by ``dt`` (<= 0.01 s); positions are the caller's.

    friction_scale: what the weather leaves of the dry friction.
    """
    b = bodies[i]
    if b.constant_speed:
        _load_wheels(b, friction_scale)
        _steer(b, math.hypot(b.velocity[0], b.velocity[1]), dt)
        _keep_speed(b, math.cos(b.rotation[1]), math.sin(b.rotation[1]))
        return
    heading = b.rotation[1] - THRUST_ANGLE_RAD
    cos, sin = math.cos(heading), math.sin(heading)
    v_long = cos * b.velocity[0] + sin * b.velocity[1]
    v_lat = cos * b.velocity[1] - sin * b.velocity[0]
    speed = math.hypot(v_long, v_lat)
    _load_wheels(b, friction_scale)
    _steer(b, speed, dt)
    if b.airborne or not b.gravity:
        _fly(b, dt)
        return
    radius = b.wheel_radius[b.wheel_count - 1]
    drive = _drive_torque(b, v_long / radius, radius, dt)
    b.drag = b.drag_area * speed * speed
    # gravity along the slope, drag and outside forces, world then body frame
    x = GRAVITY_MPS2 * b.normal[2] * b.normal[0] + b.force[0] / b.mass - b.drag_area * speed * b.velocity[0] / b.mass
    y = GRAVITY_MPS2 * b.normal[2] * b.normal[1] + b.force[1] / b.mass - b.drag_area * speed * b.velocity[1] / b.mass
    pull_long, pull_lat = cos * x + sin * y, cos * y - sin * x
    force_x, force_y, moment, held = _tyre_forces(b, v_long, v_lat, pull_long, pull_lat, drive, dt)
    v_long += (force_x / b.mass + pull_long) * dt
    v_lat += (force_y / b.mass + pull_lat) * dt
    b.yaw_rate += (moment + b.torque[2]) / b.inertia * dt
    if held and abs(v_long) < STILL_MPS and abs(v_lat) < STILL_MPS and abs(b.yaw_rate) < STILL_RADPS:
        v_long = v_lat = b.yaw_rate = 0.0
    b.velocity[0], b.velocity[1] = cos * v_long - sin * v_lat, sin * v_long + cos * v_lat
    b.velocity[2] = -(b.normal[0] * b.velocity[0] + b.normal[1] * b.velocity[1]) / b.normal[2]
    if b.force[2] / b.mass > GRAVITY_MPS2:  # lifted off by an outside force
        b.velocity[2] += (b.force[2] / b.mass - GRAVITY_MPS2) * dt
        b.airborne = True
    _tilt(b, force_x / b.mass, force_y / b.mass, dt)
    if b.torque[0] != 0.0 or b.torque[1] != 0.0:
        _lean(b, cos, sin, dt)
    if abs(b.push_lat) > b.tip_mps2 and not b.leans:
        _tip(b, cos, sin)
