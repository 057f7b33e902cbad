"""What the numbers in the camera's flat tables mean: columns of the fragment, atmosphere, instance and lamp tables.

Kernels index plain float arrays by these names; numba compiles them in as constants.
"""

from __future__ import annotations

# A tile of the picture is shaded at a time; columns of its fragments lie STRIDE apart in one flat array.
TILE_WIDTH, TILE_HEIGHT = 64, 8  # pixels
FRAGMENTS = 4 * TILE_WIDTH * TILE_HEIGHT  # each of four samples of a pixel may show a surface of its own
STRIDE = FRAGMENTS + 16  # a power of two would put one fragment's columns into one set of the cache

# Fragment: one shaded group of samples, (FRAGMENT_COLUMNS, STRIDE) float32.
PX, PY, WEIGHT, DEPTH, FOOT = 0, 1, 2, 3, 4  # sample position; share of the pixel; m along the axis; m per pixel
POS, NORMAL, UVW, TO_EYE = 5, 8, 11, 14  # three columns each; world metres, unit, surface, unit
ALBEDO, EMISSION = 17, 20  # linear RGB each
F0, MIRROR, SPECULAR = 23, 24, 25  # reflectance at normal incidence; share of sharp reflection; lobe of the lamps
OCCLUSION, TRANSLUCENT, GROUND = 26, 27, 28  # ambient 0..1; wraps light round; 1 = takes contact shadows
EXTRA = 29  # three columns: model-frame position of a body; filter widths along u and v of a static surface
MATERIAL_COLUMNS = 32  # up to here materials read and write
FACING, LIT, MIRRORED = 32, 33, 34  # cosine to the eye; share of the sun that arrives; share that is a reflection
LIGHT, GLINT = 35, 38  # RGB each: light on the surface, then what leaves it; highlights of lamps
MAP_U, MAP_V, MAP_H = 41, 42, 43  # place in the sun's shadow map, texels and m
FRAGMENT_COLUMNS = 44

# Atmosphere: one block of constants per weather, (ATMOSPHERE_COLUMNS,) float32.
SUN_DIR, SUN_RGB = 0, 3
AMBIENT_UP, AMBIENT_DOWN, FOG_RGB = 6, 9, 12
FOG_BETA, FOG_START, FOG_FALLOFF = 15, 16, 17  # 1/m at z = 0; m; 1/m of height (natural exponent)
WET, PUDDLES, NIGHT = 18, 19, 20  # 0..1 each
CLOUD = 21
SNOW = 22  # 0..1: share of level ground under snow
ATMOSPHERE_COLUMNS = 24

# Sun-shadow map placement, (SHADOW_COLUMNS,) float32.
SHADOW_U, SHADOW_V = 0, 3  # axes of the map in the world
SHADOW_U0, SHADOW_V0, SHADOW_PER_TEXEL, SHADOW_ON = 6, 7, 8, 9
SHADOW_COLUMNS = 10

# Instance: one moving body, (n, INSTANCE_COLUMNS) float32, colours linear.
BODY_RGB, TOP_RGB, BOTTOM_RGB, SKIN_RGB, HAIR_RGB, SHOE_RGB, BAG_RGB = 0, 3, 6, 9, 12, 15, 18
LIT_HEAD, LIT_TAIL, LIT_BRAKE, LIT_LEFT, LIT_RIGHT, LIT_REVERSE, LIT_INSIDE = 21, 22, 23, 24, 25, 26, 27  # 0 or more
HALF_WIDTH, MODEL_ROW = 28, 29
LIT_BEACON_LEFT, LIT_BEACON_RIGHT = 30, 31
INSTANCE_COLUMNS = 32

# Lamp: one light of the world or of a body, (n, LAMP_COLUMNS) float32.
LAMP_POS, LAMP_DIR, LAMP_RGB = 0, 3, 6
LAMP_COS_OUTER, LAMP_PER_RIM = 9, 10  # cosine at the rim of the cone; one over its soft width in cosines
LAMP_POWER, LAMP_RANGE, LAMP_SOFT = 11, 12, 13  # SOFT m2: keeps the inverse square finite near the lamp
LAMP_FADE = 14  # 1/m2: one over the range squared
LAMP_KIND = 15  # ``CONE``: the same all round; ``BEAM``: a head lamp's, dipped
LAMP_UP, LAMP_MAIN = 16, 19  # of beams: the vehicle's upward axis; 1 with the main beam on
LAMP_COLUMNS = 20
CONE, BEAM = 0.0, 1.0
