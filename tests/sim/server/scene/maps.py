"""Maps to build: a small synthetic one that is always there, and CARLA's where the data are."""

import os
from functools import cache
from pathlib import Path

import pytest

from sim.server.scene.build import build_scene
from sim.server.scene.static import StaticScene

DATA = Path(os.environ.get("ROADLAB_DATA", Path(__file__).parents[5] / "shared" / "data"))

ARM = """
<road name="{id}" length="{length}" id="{id}" junction="{junction}">
  <link>{link}</link>
  <planView><geometry s="0" x="{x}" y="{y}" hdg="{hdg}" length="{length}"><line/></geometry></planView>
  <elevationProfile><elevation s="0" a="{z}" b="{slope}" c="0" d="0"/></elevationProfile>
  <lanes><laneSection s="0">
    <left>
      <lane id="2" type="{side}" level="false"><width sOffset="0" a="2.5" b="0" c="0" d="0"/></lane>
      <lane id="1" type="driving" level="false"><link>{left_link}</link>
        <width sOffset="0" a="3.5" b="0" c="0" d="0"/>
        <roadMark sOffset="0" type="{edge}" weight="standard" color="white" width="0.15"/></lane>
    </left>
    <center><lane id="0" type="none" level="false">
      <roadMark sOffset="0" type="{centre}" weight="standard" color="yellow" width="0.12"/></lane></center>
    <right>
      <lane id="-1" type="driving" level="false"><link>{right_link}</link>
        <width sOffset="0" a="3.5" b="0" c="0" d="0"/>
        <roadMark sOffset="0" type="{edge}" weight="standard" color="white" width="0.15"/></lane>
      <lane id="-2" type="{side}" level="false"><width sOffset="0" a="2.5" b="0" c="0" d="0"/></lane>
    </right>
  </laneSection></lanes>
  <signals>{signals}</signals>
</road>"""

SIGNAL = (
    '<signal s="{s}" t="{t}" id="{id}" name="s" dynamic="yes" orientation="{o}" zOffset="0" country="OpenDRIVE" '
    'type="{type}" subtype="-1" value="{value}" hOffset="{h}"><validity fromLane="{lane}" toLane="{lane}"/></signal>'
)


def crossing_map() -> str:
    """A straight street of 250 m crossing another on a junction of 20 m, and a bridge 8 m above the western arm.

    Roads 1 (west), 2 (east), 3 (north), 4 (south) lead away from the junction 100 at the origin; roads 11 and 12
    cross it; road 20 is the bridge at x = -80.
    """
    lane_link = '<predecessor id="{0}"/><successor id="{0}"/>'
    roads = []
    arms = {
        1: (-10, 0, "3.14159265358979"),
        2: (10, 0, "0"),
        3: (0, 10, "1.5707963267949"),
        4: (0, -10, "-1.5707963267949"),
    }
    for road, (x, y, heading) in arms.items():
        # traffic on lane 1 runs against s, towards the junction, and stops at s = 1 for the light on its right
        light = SIGNAL.format(s=1, t=6.5, id=500 + road, o="+", type="1000001", value=-1, h="3.14159265358979", lane=1)
        speed = SIGNAL.format(s=20, t=-5, id=600 + road, o="-", type="274", value=50, h="0", lane=-1)
        roads.append(
            ARM.format(
                id=road, length=120, junction=-1, x=x, y=y, hdg=heading, z=0, slope=0, side="sidewalk", edge="solid",
                centre="broken", left_link="", right_link="", signals=light + speed,
                link='<predecessor elementType="junction" elementId="100"/>',
            )
        )  # fmt: skip
    for road, (x, y, heading, start, end) in {
        11: (-10, 0, "0", 1, 2),
        12: (0, -10, "1.5707963267949", 4, 3),
    }.items():
        link = (
            f'<predecessor elementType="road" elementId="{start}" contactPoint="start"/>'
            f'<successor elementType="road" elementId="{end}" contactPoint="start"/>'
        )
        roads.append(
            ARM.format(
                id=road, length=20, junction=100, x=x, y=y, hdg=heading, z=0, slope=0, side="none", edge="none",
                centre="none", link=link, signals="",
                left_link='<predecessor id="-1"/><successor id="1"/>',
                right_link='<predecessor id="1"/><successor id="-1"/>',
            )
        )  # fmt: skip
    roads.append(
        ARM.format(
            id=20, length=200, junction=-1, x=-80, y=-100, hdg="1.5707963267949", z=8, slope=0.01, side="shoulder",
            edge="solid", centre="solid", link="", left_link=lane_link.format(1), right_link=lane_link.format(-1),
            signals="",
        )
    )  # fmt: skip
    connections = "".join(
        f'<connection id="{k}" incomingRoad="{incoming}" connectingRoad="{via}" contactPoint="{contact}">'
        f'<laneLink from="1" to="{to}"/></connection>'
        for k, (incoming, via, contact, to) in enumerate(
            [(1, 11, "start", -1), (2, 11, "end", 1), (4, 12, "start", -1), (3, 12, "end", 1)]
        )
    )
    return (
        '<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4" name="" version="1" date="" north="0" '
        'south="0" east="0" west="0"><geoReference><![CDATA[+proj=tmerc +lat_0=0 +lon_0=0]]></geoReference></header>'
        + "".join(roads)
        + f'<junction id="100" name="100">{connections}</junction></OpenDRIVE>'
    )


@cache
def scene_of(name: str) -> StaticScene:
    """The built scene of ``crossing`` or of a town, ours or CARLA's; skips where the town's file is absent."""
    if name == "crossing":
        return build_scene(name, crossing_map())
    own = Path(__file__).parents[4] / "configs" / "maps" / f"{name}.xodr"
    path = own if own.exists() else DATA / "maps" / f"{name}.xodr"
    if not path.exists():
        pytest.skip(f"{path} is absent: CARLA's maps are not part of the repository")
    return build_scene(name, path.read_text())
