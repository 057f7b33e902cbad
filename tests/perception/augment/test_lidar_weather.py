import math

import numpy as np
import pytest

from perception.augment.lidar_weather import Fate, apply
from perception.augment.lidar_weather_check import fog_answer, thrown_drops, thrown_flakes
from perception.augment.lidar_weather_drops import Drops
from perception.augment.lidar_weather_fog import Fog
from perception.augment.lidar_weather_mie import WAVELENGTH_M, efficiency
from perception.augment.lidar_weather_snow import Snow, _answers, _hidden, _peak
from perception.augment.lidar_weather_wet import WetGround, transmitted, wet_ground, wet_share

RAYS = 20_000
MODELS = [Fog(0.06), Fog(0.1, reference_reflectivity=0.4), Drops.rain(20.0), Drops.snow(2.5), Drops.fog(), Snow(2.0)]


def sweep(n=3000, seed=1):
    rng = np.random.default_rng(seed)
    way = rng.normal(size=(n, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    points = np.empty((n, 4), np.float32)
    points[:, :3] = way * rng.uniform(2.0, 90.0, n)[:, None]
    points[:, 3] = rng.uniform(0.05, 0.9, n)
    return points


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_every_model_keeps_rows_and_rays_and_repeats(model):
    points = sweep()
    one, two = (apply(points, model, np.random.default_rng(4)) for _ in range(2))
    assert one.points.tobytes() == two.points.tobytes()
    assert (one.fate == two.fate).all()
    distance, before = np.linalg.norm(one.points[:, :3], axis=1), np.linalg.norm(points[:, :3], axis=1)
    along = (one.points[:, :3] * points[:, :3]).sum(axis=1) / (distance * before)
    assert np.allclose(along, 1.0, atol=1e-5)
    assert (distance[one.fate == Fate.SCATTERED] < before[one.fate == Fate.SCATTERED]).all()
    assert (one.points[one.fate == Fate.LOST, 3] == 0.0).all()
    assert len(one.seen()) == len(points) - (one.fate == Fate.LOST).sum()
    weaker = one.fate == Fate.ATTENUATED
    assert (one.points[weaker, 3] < points[weaker, 3]).all()
    assert apply(points[:0], model, np.random.default_rng(4)).points.shape == (0, 4)


def test_a_sweep_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"\(n, 4\).*\(5, 3\)"):
        apply(np.zeros((5, 3), np.float32), Fog(0.06), np.random.default_rng(0))


@pytest.mark.parametrize("alpha", [0.02, 0.06, 0.2])
def test_the_fog_table_is_the_papers_integral(alpha):
    fog = Fog(alpha)
    table = fog.table()
    for range_m in (1.5, 3.0, 8.0, 25.0, 60.0, 150.0):
        assert table.answer_at(range_m) == pytest.approx(fog_answer(fog, range_m), rel=0.01)


def test_fog_weakens_both_ways_and_takes_far_targets():
    ranges = np.array([10.0, 30.0, 40.0], np.float32)
    got = Fog(0.06, spread=0.0).strike(ranges, np.full(3, 0.5, np.float32), np.random.default_rng(0))
    assert got.fate.tolist() == [Fate.ATTENUATED, Fate.ATTENUATED, Fate.SCATTERED]
    assert got.strength[:2] == pytest.approx([0.5 * math.exp(-1.2), 0.5 * math.exp(-3.6)], rel=1e-5)
    assert 1.0 < got.range_m[2] < 2.5


def test_dark_targets_drown_before_bright_ones_where_the_sender_is_one():
    ranges = np.full(2, 30.0, np.float32)
    fog = Fog(0.06, reference_reflectivity=0.5)
    got = fog.strike(ranges, np.array([0.05, 0.9], np.float32), np.random.default_rng(0))
    assert got.fate.tolist() == [Fate.SCATTERED, Fate.ATTENUATED]


def test_mie_efficiencies_are_the_tabulated_ones():
    # Bohren and Huffman 1983, appendix A: x = 3, m = 1.33; x = 5.213, m = 1.55; large spheres take twice their area
    assert efficiency(3.0 * WAVELENGTH_M / math.pi, 1.33)[0] == pytest.approx(1.7534, abs=1e-4)
    assert efficiency(5.213 * WAVELENGTH_M / math.pi, 1.55)[0] == pytest.approx(3.105, abs=1e-3)
    assert efficiency(2e-3)[0] == pytest.approx(2.0, abs=0.02)


def test_extinction_of_rain_grows_as_measured():
    # Q = 2: integral of N pi D^2 / 2 = 8000e3 pi / slope^3
    assert Drops.rain(10.0).extinction_pm == pytest.approx(8e6 * math.pi / (4.1e3 * 10**-0.21) ** 3, rel=0.02)
    assert Drops.rain(40.0).extinction_pm / Drops.rain(10.0).extinction_pm == pytest.approx(4**0.63, rel=0.02)
    assert Drops.fog().extinction_pm == pytest.approx(0.0291, rel=0.01)


@pytest.mark.parametrize(
    ("drops", "range_m", "reflectivity"),
    [(Drops.rain(50.0), 80.0, 0.3), (Drops.rain(25.0), 40.0, 0.05), (Drops.snow(2.5), 60.0, 0.1)],
)
def test_drawing_the_strongest_drop_is_throwing_all(drops, range_m, reflectivity):
    rng = np.random.default_rng(2)
    thrown = [thrown_drops(drops, range_m, reflectivity, rng) for _ in range(2500)]
    false = np.array([t[0] for t in thrown if t is not None and t[0] < range_m])
    ranges = np.full(RAYS, range_m, np.float32)
    got = drops.strike(ranges, np.full(RAYS, reflectivity, np.float32), rng)
    share, expected = float((got.fate == Fate.SCATTERED).mean()), len(false) / len(thrown)
    assert abs(share - expected) < 4.0 * math.sqrt(expected / len(thrown))
    assert np.median(got.range_m[got.fate == Fate.SCATTERED]) == pytest.approx(np.median(false), rel=0.1)


def test_returns_too_weak_are_lost():
    dark = Drops.fog().strike(np.array([60.0], np.float32), np.array([0.3], np.float32), np.random.default_rng(0))
    # 0.3 exp(-2 * 0.0291 * 60) / 60^2 = 2.5e-6 < 0.9 / 200^2
    assert dark.fate.tolist() == [Fate.LOST]


def test_snow_covers_what_the_paper_says():
    snow = Snow(1.0)
    assert snow.speed_mps == 1.6
    assert snow.occupancy == pytest.approx(1.0 / (3.6e6 * 0.1 * 1.6))
    rng = np.random.default_rng(0)  # balls of exponential size, cut at any height
    discs = rng.exponential(1.0 / snow.slope_pm, RAYS) * np.sqrt(1.0 - rng.uniform(-1.0, 1.0, RAYS) ** 2)
    assert snow.flakes_pm2 * math.pi / 4.0 * np.mean(discs**2) == pytest.approx(snow.occupancy, rel=0.05)
    assert snow.mean_diameter_m == pytest.approx(discs.mean(), rel=0.02)
    assert snow.rain_rate_mm_per_h == pytest.approx(8.848, abs=0.001)


@pytest.mark.parametrize("rate", [0.5, 1.0, 2.5])
@pytest.mark.parametrize(
    ("range_m", "reflectivity", "behind"), [(20.0, 0.1, None), (60.0, 0.4, None), (30.0, 0.2, 0.9)]
)
def test_snow_is_every_flake_thrown(rate, range_m, reflectivity, behind):
    snow, rng = Snow(rate, max_range_m=1000.0, behind_flakes=behind), np.random.default_rng(3)
    thrown = np.array([thrown_flakes(snow, range_m, reflectivity, rng) for _ in range(3000)])
    false = thrown[:, 0] < range_m
    ranges = np.full(RAYS, range_m, np.float32)
    got = snow.strike(ranges, np.full(RAYS, reflectivity, np.float32), rng)
    scattered = got.fate == Fate.SCATTERED
    assert abs(scattered.mean() - false.mean()) < 4.0 * math.sqrt(false.mean() / len(thrown))
    assert np.median(got.range_m[scattered]) == pytest.approx(np.median(thrown[false, 0]), rel=0.12)
    if behind is None:
        kept = thrown[~false, 1].mean() * range_m**2
        assert got.strength[~scattered].mean() == pytest.approx(kept, rel=0.01)


def test_water_takes_the_grazing_beam():
    assert transmitted(1.0) == pytest.approx(1.0 - (0.328 / 2.328) ** 2, abs=1e-6)
    assert transmitted(0.0) == pytest.approx(0.0, abs=1e-9)
    steep, grazing = wet_share([1.0, 0.08], [0.2, 0.2], WetGround(1.2))
    assert steep == pytest.approx((0.98015 / 1.328) ** 2 / (1 - 0.47 * 0.2), rel=1e-3)
    assert grazing < 0.35 * steep
    assert wet_share(0.5, 0.2, WetGround(0.0)) == 1.0
    half = wet_share(0.5, 0.2, WetGround(0.6))
    assert half == pytest.approx(0.5 * (1.0 + wet_share(0.5, 0.2, WetGround(1.2))))


def test_wet_ground_touches_the_ground_only():
    points = sweep()
    ground = np.arange(len(points)) % 2 == 0
    wet = wet_ground(points, ground, WetGround(1.0))
    assert (wet.points[~ground] == points[~ground]).all()
    assert (wet.points[ground, 3] < points[ground, 3]).all()
    assert (wet.points[:, :3] == points[:, :3]).all()
    with pytest.raises(ValueError, match="mask"):
        wet_ground(points, ground[:5], WetGround())


def test_fog_that_begins_far_away_only_dims_what_is_in_it():
    far = Fog(0.023, begins_m=75.0)
    got = far.strike(np.array([50.0, 100.0], np.float32), np.full(2, 0.4, np.float32), np.random.default_rng(0))
    assert got.fate.tolist() == [Fate.KEPT, Fate.ATTENUATED]
    assert got.strength[1] == pytest.approx(0.4 * math.exp(-2 * 0.023 * 25.0), rel=1e-4)


def test_no_peak_of_flakes_is_higher_than_the_bound_that_saves_looking_for_it() -> None:
    rng = np.random.default_rng(3)
    for count in (1, 2, 5, 20):
        place, share, alone = np.sort(rng.uniform(0.9, 30.0, count)), rng.random(count) / count, np.empty(count)
        most = _answers(place, share, count, 0.9, alone)
        assert _peak(place, alone, count, 3.0)[0] <= most
    place, share, alone = np.full(3, 10.0), np.full(3, 0.1), np.empty(3)
    most = _answers(place, share, 3, 0.9, alone)
    assert _peak(place, alone, 3, 3.0)[0] == pytest.approx(most, rel=1e-5)  # flakes in one place: the bound is reached


def test_the_strongest_peak_of_flakes_is_that_of_all_their_pulses_together() -> None:
    rng, pulse_m = np.random.default_rng(4), 3.0
    for count in (1, 2, 6, 40):
        place, share, alone = np.sort(rng.uniform(1.0, 12.0, count)), rng.random(count) / count, np.empty(count)
        share[rng.random(count) < 0.2] = 0.0
        _answers(place, share, count, 0.9, alone)
        lag = np.abs(place[:, None] - place)
        pulses = np.where(lag < pulse_m / 2, np.cos(np.pi * lag / pulse_m) ** 2, 0.0)
        power = pulses @ (0.9 * share / place**2)
        best, at = _peak(place, alone, count, pulse_m)
        assert best == pytest.approx(power.max(), rel=1e-9)
        assert at == place[np.argmax(power)]


def test_spans_hide_once_what_several_of_them_cover() -> None:
    rng = np.random.default_rng(5)
    left, right, count, free = np.empty(40), np.empty(40), 0, 0.0
    cells = np.zeros(100_000, bool)
    for _ in range(30):
        low = rng.uniform(-0.5, 0.45)
        high = low + rng.uniform(0.0, 0.05)
        more, count = _hidden(left, right, count, low, high)
        free += more
        cells[round((low + 0.5) * 1e5) : round((high + 0.5) * 1e5)] = True
        assert free == pytest.approx(cells.mean(), abs=1e-3)
    assert count < 30
