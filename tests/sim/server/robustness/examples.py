"""One good set of arguments for every call, to begin mutating from."""

from __future__ import annotations

from typing import Any

POINT = [10.0, 5.0, 1.0]
POSE = [POINT, [0.0, 90.0, 0.0]]
BOX = [POINT, [1.0, 1.0, 1.0], [0.0, 0.0, 0.0], 0]
CONTROL = [0.5, 0.0, 0.0, False, False, False, 1]
CAR = [27, "vehicle.tesla.model3", [["role_name", 4, "autopilot"], ["color", 5, "180,20,20"]]]
CAMERA = [1, "sensor.camera.rgb", [["image_size_x", 2, "64"], ["image_size_y", 2, "48"], ["fov", 3, "90.0"]]]
SETTINGS = [True, False, [True, 0.05], True, 0.01, 10, 0.0, True, 3000.0, 2000.0, True]
WHEEL = [2.0, 0.25, 70.0, 30.0, 1500.0, 3000.0, 2.0, 17.0, 1000.0, [0.0, 0.0, 0.0]]
PHYSICS = [
    [[0.0, 400.0], [6000.0, 300.0]], 6000.0, 1.0, 0.15, 2.0, 0.35, True, 0.5, 10.0, 4.0, [[3.0, 0.5, 0.65]], 1500.0,
    0.3, [0.0, 0.0, 0.0], [[0.0, 1.0], [100.0, 0.5]], [WHEEL] * 4, False,
]  # fmt: skip
LIGHT = [1, POINT, 1000.0, 2, [255, 255, 255], True]
BATCH = [
    [[0, [CAR, POSE, [False], 0, "", [[[16, [0, True]]]]]]],
    [[2, [30, CONTROL]]],
    [[6, [30, POSE]]],
    [[7, [31, POSE, 1.5]]],
    [[8, [30, POINT]]],
    [[18, [30, 136]]],
    [[21, [1, 2]]],
    [[1, [77]]],
]
OPENDRIVE = "<OpenDRIVE><header/></OpenDRIVE>"
GENERATION = [2.0, 50.0, 1.0, 0.6, True, True, True]


def examples(car: int, walker: int, light: int, sensor: int) -> dict[str, list[Any]]:
    """Arguments by name of call; the ids are of actors that exist."""
    push = [car, POINT]
    bone = ["crl_hips__C", POSE]
    return {
        "version": [], "get_episode_info": [], "get_sensor_token": [1], "get_episode_settings": [],
        "set_episode_settings": [SETTINGS], "get_map_info": [], "get_map_data": [], "get_available_maps": [],
        "load_new_episode": ["", False, 65535], "copy_opendrive_to_file": [OPENDRIVE, GENERATION],
        "get_spectator": [], "get_imui_gravity": [], "set_imui_gravity": [9.81], "tick_cue": [],
        "get_weather_parameters": [], "set_weather_parameters": [[10.0] * 14], "get_actor_definitions": [],
        "apply_batch": [BATCH, False],
        "get_actors_by_id": [[car, walker]], "spawn_actor": [CAR, POSE],
        "spawn_actor_with_parent": [CAMERA, POSE, car, 0, ""], "destroy_actor": [sensor],
        "get_actor_bounding_box": [car], "set_actor_location": push, "set_actor_transform": [car, POSE],
        "set_actor_target_velocity": push, "set_actor_target_angular_velocity": push,
        "enable_actor_constant_velocity": push, "disable_actor_constant_velocity": [car],
        "add_actor_impulse": push, "add_actor_force": push, "add_actor_angular_impulse": push,
        "add_actor_torque": push, "add_actor_impulse_at_location": [car, POINT, POINT],
        "add_actor_force_at_location": [car, POINT, POINT], "set_actor_simulate_physics": [car, True],
        "set_actor_collisions": [car, True], "set_actor_enable_gravity": [car, True],
        "set_actor_autopilot": [car, True],
        "apply_control_to_vehicle": [car, CONTROL],
        "apply_ackermann_control_to_vehicle": [car, [0.1, 0.0, 5.0, 1.0, 0.0]],
        "get_ackermann_controller_settings": [car],
        "apply_ackermann_controller_settings": [car, [0.15, 0.0, 0.25, 0.01, 0.0, 0.01]],
        "get_physics_control": [car], "apply_physics_control": [car, PHYSICS], "get_telemetry_data": [car],
        "show_vehicle_debug_telemetry": [car, True], "get_vehicle_light_state": [car],
        "set_vehicle_light_state": [car, [8]], "get_vehicle_light_states": [],
        "enable_carsim": [car, ""], "use_carsim_road": [car, True],
        "enable_chrono_physics": [car, 10, 0.01, "", "", "", ""], "restore_physx_physics": [car],
        "apply_control_to_walker": [walker, [[1.0, 0.0, 0.0], 1.4, False]],
        "get_required_files": ["Nav"], "request_file": ["Carla/Maps/Nav/straight.bin"],
        "get_navigation_mesh": [], "set_actor_dead": [walker],
        "set_traffic_light_state": [light, 2], "set_traffic_light_green_time": [light, 5.0],
        "set_traffic_light_yellow_time": [light, 2.0], "set_traffic_light_red_time": [light, 3.0],
        "freeze_all_traffic_lights": [True], "freeze_traffic_light": [light, True],
        "reset_traffic_light_group": [light], "reset_all_traffic_lights": [], "get_group_traffic_lights": [light],
        "get_light_boxes": [light],
        "get_all_level_BBs": [255], "get_environment_objects": [255], "enable_environment_objects": [[1, 2], False],
        "load_map_layer": [1], "unload_map_layer": [1], "cast_ray": [POINT, [100.0, 5.0, 1.0]],
        "project_point": [POINT, [0.0, 0.0, -1.0], 20.0], "query_lights_state": ["localhost:2000"],
        "update_lights_state": ["localhost:2000", [LIGHT], False],
        "update_day_night_cycle": ["localhost:2000", True], "get_names_of_all_objects": [],
        "apply_color_texture_to_objects": [["House_1"], 2, [2, 1, [[1, 2, 3, 255], [4, 5, 6, 255]]]],
        "apply_float_color_texture_to_objects": [["House_1"], 2, [1, 1, [[0.1, 0.2, 0.3, 1.0]]]],
        "set_annotations_traverse_translucency": [True], "console_command": ["help"],
        "get_gbuffer_token": [sensor, 0], "enable_gbuffers": [sensor, True], "are_gbuffers_enabled": [sensor],
        "set_ignored_vehicles": [sensor, [car]], "send": [sensor, "hello"], "enable_sensor_for_ros": [2],
        "disable_sensor_for_ros": [2], "is_sensor_enabled_for_ros": [2],
        "start_recorder": ["fuzz.log", False], "stop_recorder": [],
        "show_recorder_file_info": ["fuzz.log", True], "show_recorder_collisions": ["fuzz.log", 118, 97],
        "show_recorder_actors_blocked": ["fuzz.log", 30.0, 10.0],
        "replay_file": ["fuzz.log", 0.0, 0.0, 0, False, [[-10.0, 0.0, 5.0], [-25.0, 0.0, 0.0]]],
        "stop_replayer": [True], "set_replayer_time_factor": [1.0], "set_replayer_ignore_hero": [True],
        "set_replayer_ignore_spectator": [True],
        "get_actor_bone_names": [walker], "get_actor_bone_world_transforms": [walker],
        "get_vehicle_bone_world_transforms": [car], "get_actor_bone_relative_transforms": [walker],
        "get_actor_socket_names": [car], "get_actor_socket_world_transforms": [car],
        "get_actor_socket_relative_transforms": [car], "get_actor_component_names": [car],
        "get_actor_component_world_transform": [car, "root"],
        "get_actor_component_relative_transform": [car, "root"], "get_bones_transform": [walker],
        "set_bones_transform": [walker, [[bone]]], "blend_pose": [walker, 0.5], "get_pose_from_animation": [walker],
        "open_vehicle_door": [car, 0], "close_vehicle_door": [car, 6],
        "set_wheel_steer_direction": [car, 0, 10.0], "get_wheel_steer_angle": [car, 0],
        "set_wheel_pitch_angle": [car, 0, 10.0], "get_wheel_pitch_angle": [car, 0],
        "draw_debug_shape": [[[1, [POINT, [20.0, 5.0, 1.0], 0.1]], [255, 0, 0], 1.0, True]],
        "clear_debug_shape": [], "clear_debug_string": [],
        "is_traffic_manager_running": [8000], "get_traffic_manager_running": [8000],
        "add_traffic_manager_running": [["127.0.0.1", 8000]], "destroy_traffic_manager": [8000],
    }  # fmt: skip
