"""A client without a car of its own: a world that ticks, with traffic and sensors. For measuring servers."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from sim.scenario import TrafficSpec
from sim.source.traffic import Vehicles

STEP_S = 0.05
FAR_AWAY_M = np.array([1e6, 1e6])
"""There is no car to keep clear of."""
SENSORS: dict[str, dict[str, str]] = {
    "sensor.camera.rgb": {"image_size_x": "800", "image_size_y": "600"},
    "sensor.lidar.ray_cast": {"channels": "32", "range": "80", "points_per_second": "320000"},
}
HYBRID_RADIUS_M = 50.0
ROLL_THROTTLE, ROLL_STEER = 0.4, 0.3
"""In a circle of some metres: physics at work, and few collisions."""
ABOVE_M = 2.5
"""Of the sensors over the vehicle's origin: clear of every roof but a truck's."""
SUBSCRIBE_S = 0.2
"""A server learns of a subscription some milliseconds after ``listen`` returns."""


class BareClient:
    """One client of one server. Raises RuntimeError, as the client does, where the server does not answer."""

    def __init__(self, host: str, port: int, timeout_s: float = 60.0) -> None:
        import carla

        self._client = carla.Client(host, port)
        self._client.set_timeout(timeout_s)
        self._world: Any = None
        self._vehicles: Vehicles | None = None
        self._sensors: list[Any] = []
        self._rolling: list[int] = []  # ids of vehicles without a driver

    def ask(self) -> str:
        """The server's version: the cheapest question there is."""
        return str(self._client.get_server_version())

    def load(self, name: str) -> None:
        """Load a map and wait for its world."""
        self._world = self._client.load_world(name)

    def begin(self) -> None:
        """Take the clock: synchronous, fixed steps of ``STEP_S``, an empty world of the present map."""
        self._world = self._client.get_world()
        settings = self._world.get_settings()
        settings.synchronous_mode = True
        settings.fixed_delta_seconds = STEP_S
        self._world.apply_settings(settings)
        self._world = self._client.reload_world(False)
        self.tick(1)

    def tick(self, count: int) -> None:
        """Advance the world so many ticks, waiting for each."""
        for _ in range(count):
            if self._vehicles is None:
                self._world.tick()
            else:
                self._vehicles.tick()

    def drive(self, vehicles: int, seed: int, hybrid: bool = False) -> int:
        """Put vehicles on the road under the client's traffic manager; how many there was room for."""
        self._vehicles = Vehicles(self._client, self._world, TrafficSpec(vehicles=vehicles, walkers=0), seed)
        self._vehicles.spawn(FAR_AWAY_M)
        if hybrid:
            self._vehicles.use_hybrid_physics(HYBRID_RADIUS_M)
        self.tick(1)
        return len(self._vehicles.ids)

    def roll(self, vehicles: int) -> int:
        """Put vehicles on the road and set them rolling with nobody to drive them; how many there was room for."""
        import carla

        points = self._world.get_map().get_spawn_points()[:vehicles]
        blueprint = self._world.get_blueprint_library().find("vehicle.tesla.model3")
        control = carla.VehicleControl(throttle=ROLL_THROTTLE, steer=ROLL_STEER)
        drive = carla.command.ApplyVehicleControl(carla.command.FutureActor, control)
        answers = self._client.apply_batch_sync(
            [carla.command.SpawnActor(blueprint, point).then(drive) for point in points], True
        )
        self._rolling = [answer.actor_id for answer in answers if not answer.error]
        return len(self._rolling)

    def sense(self) -> None:
        """Hang the sensors of ``SENSORS`` on the first vehicle and listen to them; call after ``drive``."""
        import carla

        assert self._vehicles is not None
        library = self._world.get_blueprint_library()
        carrier = self._world.get_actor(self._vehicles.ids[0])
        for kind, attributes in SENSORS.items():
            blueprint = library.find(kind)
            for name, value in attributes.items():
                blueprint.set_attribute(name, value)
            above = carla.Transform(carla.Location(0.0, 0.0, ABOVE_M))
            sensor = self._world.spawn_actor(blueprint, above, attach_to=carrier)
            sensor.listen(lambda data: None)
            self._sensors.append(sensor)
        time.sleep(SUBSCRIBE_S)

    def clear(self) -> None:
        """Give back sensors and traffic."""
        import carla

        for sensor in self._sensors:
            sensor.stop()
            sensor.destroy()
        self._sensors.clear()
        if self._rolling:
            self._client.apply_batch_sync([carla.command.DestroyActor(k) for k in self._rolling], False)
            self._rolling = []
        if self._vehicles is not None:
            self._vehicles.stop()
            self._client.apply_batch_sync([carla.command.DestroyActor(k) for k in self._vehicles.ids], False)
            self._vehicles = None

    def end(self) -> None:
        """Clear the world and let it run by itself again."""
        self.clear()
        settings = self._world.get_settings()
        settings.synchronous_mode = False
        settings.fixed_delta_seconds = None
        self._world.apply_settings(settings)
