"""The towns' layout tables."""

from __future__ import annotations

from sim.towns.layout import (
    AVENUE,
    COUNTRY,
    LINK,
    MOTORWAY,
    MOTORWAY_3,
    RAMP,
    STREET,
    Control,
    End,
    Node,
    RoadLine,
    Roundabout,
    Town,
    Via,
)

EAST, NORTH, WEST, SOUTH = 0.0, 90.0, 180.0, 270.0

ROADLAB01 = Town(
    name="Roadlab01",
    latitude_deg=48.9934,
    longitude_deg=8.4037,
    nodes=(
        Node("west gate", (-210.0, -20.0), Control.SIGNALS, 19.0),
        Node("market", (-60.0, -20.0), Control.SIGNALS, 19.0),
        Node("station", (110.0, -20.0), Control.SIGNALS, 19.0),
        Node("east gate", (230.0, -20.0), Control.SIGNALS, 19.0),
        Node("school", (-60.0, -170.0), Control.STOP, 15.0, minor=("market lane",)),
        Node("mill", (110.0, -170.0), Control.YIELD, 15.0, minor=("station lane",)),
        Node("church", (110.0, 110.0), Control.SIGNALS, 16.0),
        Roundabout("fountain", (-60.0, 110.0), 20.0, 34.0),
        Node("fork west", (-300.0, 60.0), Control.FREE, 12.0),
        Node("exit", (-150.0, 206.0), Control.FREE, 25.0),
        Node("entry", (190.0, 206.0), Control.FREE, 25.0),
        Node("lane end", (330.0, 110.0), Control.FREE, 25.0),
        Node("fork east", (330.0, 40.0), Control.FREE, 12.0),
    ),
    roads=(
        # the avenue, two lanes each way
        RoadLine("avenue west", End("west gate", EAST), End("market", WEST), AVENUE),
        RoadLine("avenue", End("market", EAST), End("station", WEST), AVENUE),
        RoadLine("avenue east", End("station", EAST), End("east gate", WEST), AVENUE),
        # streets across it
        RoadLine("market lane", End("market", SOUTH), End("school", NORTH), STREET),
        RoadLine("station lane", End("station", SOUTH), End("mill", NORTH), STREET),
        RoadLine("fountain street", End("market", NORTH), End("fountain", SOUTH), STREET),
        RoadLine("church street", End("station", NORTH), End("church", SOUTH), STREET),
        RoadLine("bell street", End("fountain", EAST), End("church", WEST), STREET),
        # the southern and northern arcs; the south-western one climbs a hill
        RoadLine("hill road", End("west gate", SOUTH), End("school", WEST), COUNTRY, hill_m=7.0),
        RoadLine("mill road", End("school", EAST), End("mill", WEST), STREET),
        RoadLine("river road", End("mill", EAST), End("east gate", SOUTH), STREET, hill_m=-2.0),
        RoadLine("garden road", End("west gate", NORTH), End("fountain", WEST), STREET),
        RoadLine("park road", End("church", EAST), End("east gate", NORTH), STREET),
        # the motorway around the north, clockwise carriageway inside
        RoadLine("western link", End("west gate", WEST), End("fork west", SOUTH), LINK),
        RoadLine(
            "clockwise 1",
            End("fork west", NORTH, -4.0, 30.0),
            End("exit", WEST),
            MOTORWAY,
        ),
        RoadLine("clockwise 2", End("exit", EAST), End("entry", WEST), MOTORWAY),
        RoadLine("clockwise 3", End("entry", EAST), End("lane end", NORTH), MOTORWAY_3),
        RoadLine("clockwise 4", End("lane end", SOUTH), End("fork east", NORTH, 4.0, 30.0), MOTORWAY),
        RoadLine(
            "anticlockwise",
            End("fork east", NORTH, -4.0, 30.0),
            End("fork west", NORTH, 4.0, 30.0),
            MOTORWAY,
            via=(Via(344.0, 120.0, 90.0), Via(190.0, 222.0, 180.0), Via(-150.0, 222.0, 180.0)),
        ),
        RoadLine("eastern link", End("east gate", EAST), End("fork east", SOUTH), LINK),
        RoadLine("exit ramp", End("exit", EAST, -9.0, 30.0), End("fountain", NORTH), RAMP),
        RoadLine("entry ramp", End("church", NORTH), End("entry", WEST, 9.0, 30.0), RAMP),
    ),
)

TOWNS: tuple[Town, ...] = (ROADLAB01,)
