"""The photograph of a rock: its body and its material under a studio's lamps, on white."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rockspace.data.drawn_rocks.body import Body, draw_body
from rockspace.data.drawn_rocks.material import Material, draw_material
from rockspace.data.drawn_rocks.types import Habit, Look
from rockspace.data.textures import Field, between_by_ratio, blurred, encoded_srgb, slope

_STEEPEST = 1.6  # slope of the body beyond which the camera sees no more of it
_TIGHTNESS = (16.0, 100.0)  # exponent of the highlights, dull to shiny
_SHARPNESS = 0.45  # pixels of blur
_SENSOR_NOISE = 0.008  # of full white
_SHOULDER, _BRIGHTEST = 0.55, 0.95  # light from which on the camera compresses, and what it tends to
_RIM = -0.03  # depth down to which pixels are drawn, so that the outline can be cut cleanly


def draw_rock(position: NDArray[np.float64], habit: Habit, rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """Draw a photograph of a rock.

    Args:
        position: the eight dimensions in standard deviations, in the order of ``DIMENSIONS``; what lies
            beyond ``EXTREME`` is drawn as if it lay there.
        habit: what else belongs to its kind.
        rng: source of everything that differs between two rocks of one position.
        size: pixels along a side.

    Returns:
        sRGB pixels of shape (size, size, 3).
    """
    look = Look.at(position)
    for_body, for_material, for_light = rng.spawn(3)
    body = draw_body(for_body, size, look)
    material = draw_material(for_material, body.depth > _RIM, look, habit)
    return _photographed(for_light, _lit(for_light, body, material, look.shininess), body)


def _lit(rng: np.random.Generator, body: Body, material: Material, shininess: float) -> Field:
    """Light the surface from above: scattered, sheltered in hollows, mirrored where it shines."""
    lamps = _lamps(rng)
    body_x, body_y = slope(blurred(body.height, 0.01))
    rein = _STEEPEST / np.maximum(np.hypot(body_x, body_y), _STEEPEST)
    rough_x, rough_y = slope(material.relief)
    dx, dy = body_x * rein + rough_x, body_y * rein + rough_y
    upright = 1 / np.sqrt(dx**2 + dy**2 + 1)

    def facing(direction: NDArray[np.float64]) -> Field:
        x, y, z = direction.astype(np.float32)
        return np.clip((z - dx * x - dy * y) * upright, 0, 1)

    hollow = material.relief - blurred(material.relief, 0.05)
    shelter = np.clip(1 + 6 * hollow, 0.35, 1.3) * np.clip(0.72 + 3 * body.depth, 0.72, 1)
    shade = (0.3 + 0.85 * facing(lamps[0][1])) * shelter
    shade /= shade[body.depth > 0].mean()  # the exposure: the pictures' lightness is that of the material

    strength = shininess**2.2
    mirrored = np.zeros_like(shade)
    for brightness, direction in lamps:
        toward = facing(_halfway(direction))
        spot = 1.3 * toward ** np.float32(between_by_ratio(_TIGHTNESS, shininess))
        mirrored += brightness * (spot + (0.03 + 1.2 * material.glitter) * toward**8)
    mirrored *= strength * np.minimum(shelter, 1)
    return material.albedo * (shade * (1 - 0.25 * strength))[..., None] + mirrored[..., None]


def _lamps(rng: np.random.Generator) -> list[tuple[float, NDArray[np.float64]]]:
    """The main lamp at the upper left, and a window and two reflectors that only a mirror shows.

    Returns:
        Brightness, and direction towards it (right, down, towards the camera), of each.
    """
    lamps = [(1.0, _direction(np.deg2rad(rng.normal(-125, 22)), np.deg2rad(rng.uniform(42, 58))))]
    for brightness in (0.6, 0.35, 0.35):
        azimuth, elevation = rng.uniform(0, 2 * np.pi), np.deg2rad(rng.uniform(20, 80))
        lamps.append((brightness, _direction(azimuth, elevation)))
    return lamps


def _direction(azimuth: float, elevation: float) -> NDArray[np.float64]:
    across = np.cos(elevation)
    return np.array([across * np.cos(azimuth), across * np.sin(azimuth), np.sin(elevation)])


def _halfway(direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """The normal of a mirror that shows the camera what lies in a direction."""
    half = direction + np.array([0, 0, 1])
    return half / np.linalg.norm(half)


def _photographed(rng: np.random.Generator, light: Field, body: Body) -> NDArray[np.uint8]:
    """Put the rock on white with a breath of contact shadow, and take the picture."""
    size = light.shape[0]
    steepness = np.hypot(*np.gradient(body.depth))
    cover = np.clip(body.depth / np.maximum(steepness, 1e-4) + 0.5, 0, 1)
    drop = size // 64
    shadow = np.pad(blurred(cover, 0.03), ((drop, 0), (0, 0)))[:size]
    ground = 1 - 0.15 * shadow
    over = np.maximum(light - _SHOULDER, 0) / (_BRIGHTEST - _SHOULDER)
    exposed = np.minimum(light, _SHOULDER) + (_BRIGHTEST - _SHOULDER) * (1 - np.exp(-over))
    picture = encoded_srgb(exposed) * cover[..., None] + (ground * (1 - cover))[..., None]
    picture = ndimage.gaussian_filter(picture, (_SHARPNESS, _SHARPNESS, 0), truncate=3)
    picture += (_SENSOR_NOISE * cover * rng.standard_normal((size, size), dtype=np.float32))[..., None]
    return np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)
