"""Triangles to convex polygons of at most six corners, longest shared edge first (Hertel and Mehlhorn, 1983)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

Triangle = tuple[int, int, int]
Point = tuple[int, int]

MAX_CORNERS = 6
"""Detour's limit."""


def sides(ring: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Its edges as (corner, next corner)."""
    return zip(ring, [*ring[1:], ring[0]], strict=True)


def convex_polygons(
    triangles: Sequence[Triangle], group: Sequence[int], points: Sequence[Point]
) -> list[tuple[tuple[int, ...], tuple[Triangle, ...], int]]:
    """Convex rings, the triangles (indices into the ring) that each is made of, and its group.

    triangles: counter-clockwise corners, none twice; only triangles of one group are joined. points: whole-number
    coordinates of the corners, so that convexity is exact. Every corner of the triangles stays one of a ring.
    """
    ring: list[list[int]] = [list(t) for t in triangles]
    made_of: list[list[int]] = [[k] for k in range(len(triangles))]
    owner = {side: k for k, t in enumerate(triangles) for side in sides(t)}
    shared = [
        ((points[a][0] - points[b][0]) ** 2 + (points[a][1] - points[b][1]) ** 2, a, b)
        for (a, b), k in owner.items()
        if a < b and (b, a) in owner and group[owner[b, a]] == group[k]
    ]
    for _, a, b in sorted(shared, reverse=True):
        left, right = owner[a, b], owner[b, a]
        joined = _join(ring[left], ring[right], a, b, points)
        if joined is None:
            continue
        ring[left], ring[right] = joined, []
        made_of[left] += made_of[right]
        for side in sides(joined):
            owner[side] = left
    out = []
    for k, corners in enumerate(ring):
        if corners:
            place = {corner: index for index, corner in enumerate(corners)}
            inside = tuple((place[a], place[b], place[c]) for a, b, c in (triangles[t] for t in sorted(made_of[k])))
            out.append((tuple(corners), inside, group[k]))
    return out


def _join(left: list[int], right: list[int], a: int, b: int, points: Sequence[Point]) -> list[int] | None:
    """The ring of both without their edge a-b (b-a in ``right``); None if it is not convex or too large."""
    if len(left) + len(right) - 2 > MAX_CORNERS:
        return None
    at = left.index(b)
    first = left[at:] + left[:at]  # b ... a
    at = right.index(a)
    second = right[at:] + right[:at]  # a ... b
    if not (_turns_left(second[-2], b, first[1], points) and _turns_left(first[-2], a, second[1], points)):
        return None
    joined = first + second[1:-1]
    return joined if len(set(joined)) == len(joined) else None


def _turns_left(a: int, b: int, c: int, points: Sequence[Point]) -> bool:
    """Whether the way a-b-c does not turn right."""
    (ax, ay), (bx, by), (cx, cy) = points[a], points[b], points[c]
    return (bx - ax) * (cy - by) - (by - ay) * (cx - bx) >= 0
