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
        Node("lane end", (326.0, 125.0), Control.FREE, 25.0),
        Node("fork east", (330.0, 25.0), Control.FREE, 12.0),
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
        RoadLine("clockwise 1", End("fork west", NORTH, -4.0, 30.0), End("exit", WEST), MOTORWAY),
        RoadLine("clockwise 2", End("exit", EAST), End("entry", WEST), MOTORWAY, speed_sign_m=70.0),
        RoadLine("clockwise 3", End("entry", EAST), End("lane end", NORTH), MOTORWAY_3),
        RoadLine("clockwise 4", End("lane end", SOUTH), End("fork east", NORTH, 4.0, 30.0), MOTORWAY),
        RoadLine(
            "anticlockwise",
            End("fork east", NORTH, -4.0, 30.0),
            End("fork west", NORTH, 4.0, 30.0),
            MOTORWAY,
            via=(Via(334.0, 150.0, 90.0), Via(215.0, 222.0, 180.0), Via(-150.0, 222.0, 180.0)),
        ),
        RoadLine("eastern link", End("east gate", EAST), End("fork east", SOUTH), LINK),
        RoadLine("exit ramp", End("exit", EAST, -9.0, 30.0), End("fountain", NORTH), RAMP),
        RoadLine("entry ramp", End("church", NORTH), End("entry", WEST, 9.0, 30.0), RAMP),
    ),
)

ROADLAB02 = Town(
    name="Roadlab02",
    latitude_deg=52.5163,
    longitude_deg=13.3777,
    nodes=(
        Node("north-west", (-65.0, 60.0), Control.SIGNALS, 19.0),
        Node("north-east", (65.0, 60.0), Control.SIGNALS, 19.0),
        Node("south-east", (65.0, -60.0), Control.SIGNALS, 19.0),
        Node("south-west", (-65.0, -60.0), Control.STOP, 16.0, minor=("south block", "south loop")),
    ),
    roads=(
        # a block of streets, its northern side an avenue
        RoadLine("north block", End("north-west", EAST), End("north-east", WEST), AVENUE),
        RoadLine("east block", End("north-east", SOUTH), End("south-east", NORTH), STREET),
        RoadLine("south block", End("south-east", WEST), End("south-west", EAST), STREET),
        RoadLine("west block", End("south-west", NORTH), End("north-west", SOUTH), STREET),
        # a loop behind each corner
        RoadLine(
            "avenue loop",
            End("north-east", EAST),
            End("north-west", WEST),
            AVENUE,
            via=(Via(150.0, 105.0, 90.0), Via(90.0, 150.0, 180.0), Via(-90.0, 150.0, 180.0), Via(-150.0, 105.0, 270.0)),
        ),
        RoadLine("north loop", End("north-west", NORTH), End("north-east", NORTH), STREET, via=(Via(0.0, 115.0, 0.0),)),
        RoadLine(
            "south loop",
            End("south-east", EAST),
            End("south-west", WEST),
            COUNTRY,
            via=(
                Via(140.0, -105.0, 270.0),
                Via(90.0, -150.0, 180.0),
                Via(-90.0, -150.0, 180.0),
                Via(-140.0, -105.0, 90.0),
            ),
            hill_m=6.0,
        ),
        RoadLine(
            "yard loop", End("south-east", SOUTH), End("south-west", SOUTH), STREET, via=(Via(0.0, -115.0, 180.0),)
        ),
    ),
)

ROADLAB03 = Town(
    name="Roadlab03",
    latitude_deg=45.4642,
    longitude_deg=9.19,
    nodes=(
        Roundabout("fountain", (0.0, 0.0), 22.0, 37.0),
        Node("north", (0.0, 130.0), Control.SIGNALS, 18.0),
        Node("east", (130.0, 0.0), Control.STOP, 15.0, minor=("east spoke",)),
        Node("south", (0.0, -130.0), Control.YIELD, 15.0, minor=("south spoke",)),
        Node("west", (-130.0, 0.0), Control.SIGNALS, 18.0),
    ),
    roads=(
        RoadLine("north spoke", End("fountain", NORTH), End("north", SOUTH), STREET),
        RoadLine("east spoke", End("fountain", EAST), End("east", WEST), STREET),
        RoadLine("south spoke", End("fountain", SOUTH), End("south", NORTH), STREET),
        RoadLine("west spoke", End("fountain", WEST), End("west", EAST), STREET),
        RoadLine("north-west arc", End("west", NORTH), End("north", WEST), AVENUE),
        RoadLine("north-east arc", End("north", EAST), End("east", NORTH), STREET, hill_m=6.0),
        RoadLine("south-east arc", End("east", SOUTH), End("south", EAST), COUNTRY, hill_m=-4.0),
        RoadLine("south-west arc", End("south", WEST), End("west", SOUTH), STREET),
    ),
)

ROADLAB04 = Town(
    name="Roadlab04",
    latitude_deg=57.7089,
    longitude_deg=11.9746,
    nodes=(
        Node("square", (-40.0, -30.0), Control.SIGNALS, 20.0),
        Node("harbour", (105.0, 10.0), Control.SIGNALS, 19.0),
        Roundabout("green", (-60.0, 105.0), 18.0, 32.0),
        Node("chapel", (70.0, 115.0), Control.STOP, 16.0, minor=("harbour lane",)),
        Node("farm", (-10.0, -140.0), Control.YIELD, 16.0, minor=("farm lane",)),
        Node("ridge gate", (-140.0, 50.0), Control.YIELD, 18.0, minor=("ridge road", "green walk")),
        Node("pier", (150.0, 85.0), Control.STOP, 16.0, minor=("chapel road",)),
    ),
    roads=(
        RoadLine("high street", End("square", 15.0), End("harbour", 195.0), AVENUE),
        RoadLine("green lane", End("square", 105.0), End("green", SOUTH), STREET),
        RoadLine("farm lane", End("square", 285.0), End("farm", NORTH), STREET),
        RoadLine("green street", End("green", EAST), End("chapel", WEST), STREET),
        RoadLine("harbour lane", End("harbour", 105.0), End("chapel", SOUTH), STREET),
        RoadLine("quay", End("harbour", 285.0), End("farm", EAST), COUNTRY, hill_m=5.0),
        RoadLine("pier road", End("harbour", 15.0), End("pier", SOUTH), AVENUE),
        RoadLine(
            "north shore",
            End("pier", NORTH),
            End("ridge gate", NORTH),
            AVENUE,
            via=(Via(90.0, 165.0, 180.0), Via(-80.0, 165.0, 180.0)),
        ),
        RoadLine("high street west", End("ridge gate", SOUTH), End("square", 195.0), AVENUE),
        RoadLine("chapel road", End("chapel", EAST), End("pier", WEST), STREET),
        RoadLine("green walk", End("green", WEST), End("ridge gate", EAST), STREET),
        RoadLine("ridge road", End("farm", WEST), End("ridge gate", WEST), COUNTRY, hill_m=8.0),
    ),
)

TOWNS: tuple[Town, ...] = (ROADLAB01, ROADLAB02, ROADLAB03, ROADLAB04)
"""Roadlab01 to 03 may be trained on; Roadlab04 is held out for evaluation."""
