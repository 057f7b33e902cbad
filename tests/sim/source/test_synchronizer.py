import threading

from sim.source.synchronizer import Synchronizer

NAMES = ("camera", "lidar")


def test_a_complete_frame_is_given_at_once():
    inbox = Synchronizer(NAMES)
    inbox.put("lidar", 7, "sweep")
    inbox.put("camera", 7, "picture")
    assert inbox.collect(7, NAMES, 60.0) == ({"camera": "picture", "lidar": "sweep"}, ())


def test_a_late_message_is_waited_for():
    inbox = Synchronizer(NAMES)
    inbox.put("camera", 7, "picture")
    threading.Timer(0.05, inbox.put, ("lidar", 7, "sweep")).start()
    found, missing = inbox.collect(7, NAMES, 60.0)
    assert found["lidar"] == "sweep"
    assert missing == ()


def test_what_never_comes_is_missing_after_the_time_out():
    inbox = Synchronizer(NAMES)
    inbox.put("camera", 7, "picture")
    assert inbox.collect(7, NAMES, 0.02) == ({"camera": "picture"}, ("lidar",))


def test_a_message_that_missed_its_frame_is_never_passed_off_as_a_later_one():
    inbox = Synchronizer(NAMES)
    inbox.put("camera", 7, "picture 7")
    assert inbox.collect(7, NAMES, 0.0)[1] == ("lidar",)
    inbox.put("lidar", 7, "sweep 7")  # too late
    inbox.put("camera", 9, "picture 9")
    inbox.put("lidar", 9, "sweep 9")
    assert inbox.collect(9, NAMES, 60.0) == ({"camera": "picture 9", "lidar": "sweep 9"}, ())


def test_a_stream_that_is_ahead_has_lost_the_frame_and_keeps_the_later_message():
    inbox = Synchronizer(NAMES)
    inbox.put("lidar", 8, "sweep 8")  # 7 was lost on the way: no time-out is needed to know it
    inbox.put("camera", 7, "picture 7")
    assert inbox.collect(7, NAMES, 60.0) == ({"camera": "picture 7"}, ("lidar",))
    inbox.put("camera", 8, "picture 8")
    assert inbox.collect(8, NAMES, 60.0)[0] == {"camera": "picture 8", "lidar": "sweep 8"}


def test_a_sensor_that_is_not_due_is_not_waited_for():
    inbox = Synchronizer(NAMES)
    inbox.put("camera", 7, "picture")
    assert inbox.collect(7, ("camera",), 60.0) == ({"camera": "picture"}, ())


def test_streams_may_overtake_each_other():
    inbox = Synchronizer(NAMES)
    for frame in (1, 2, 3):
        inbox.put("lidar", frame, frame)
    for frame in (1, 2, 3):
        inbox.put("camera", frame, -frame)
        assert inbox.collect(frame, NAMES, 60.0) == ({"camera": -frame, "lidar": frame}, ())


def test_clear_forgets():
    inbox = Synchronizer(NAMES)
    inbox.put("camera", 1, "old")
    inbox.clear()
    assert inbox.collect(1, NAMES, 0.0) == ({}, ("camera", "lidar"))
