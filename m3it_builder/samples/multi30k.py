"""Multi30k's layout: synthetic images described in four languages."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

from m3it_builder.samples.files import write_bytes, write_scene
from m3it_builder.samples.world import Scene, Thing, World

_FIRST = {"train": 36_000_000, "val": 37_000_000, "test_2016_flickr": 38_000_000}
IMAGES = Path("flickr30k-images") / "flickr30k-images"
LANGUAGES = ("en", "de", "fr", "cs")
PAIRS = 12  # ordered pairs of languages, each a row

# Gender and noun of each shape; ending or form of each color by gender.
_NOUNS = {
    "de": {"circle": "m Kreis", "square": "n Quadrat", "triangle": "n Dreieck", "star": "m Stern"},
    "fr": {"circle": "m cercle", "square": "m carré", "triangle": "m triangle", "star": "f étoile"},
    "cs": {
        "circle": "m kruh", "square": "m čtverec", "triangle": "m trojúhelník", "star": "f hvězda",
    },
}  # fmt: skip
_GERMAN = {
    "red": "rot", "green": "grün", "blue": "blau", "yellow": "gelb", "purple": "violett",
    "orange": "orangefarben",
}  # fmt: skip
_FRENCH = {
    "red": "rouge rouge", "green": "vert verte", "blue": "bleu bleue", "yellow": "jaune jaune",
    "purple": "violet violette", "orange": "orange orange",
}  # fmt: skip
_CZECH = {
    "red": "červen", "green": "zelen", "blue": "modr", "yellow": "žlut", "purple": "fialov",
    "orange": "oranžov",
}  # fmt: skip
_AND = {"en": "and", "de": "und", "fr": "et", "cs": "a"}
_GROUND = {
    "en": "on a plain background",
    "de": "auf einfarbigem Hintergrund",
    "fr": "sur un fond uni",
    "cs": "na jednobarevném pozadí",
}


def write(world: World, sources: Path, count: int) -> None:
    """Write images that make ``count`` rows per split, with a sentence in every language."""
    images = math.ceil(count / PAIRS)
    for part, first in _FIRST.items():
        names = []
        for number in range(first, first + images):
            names.append(f"{number}.jpg")
            write_scene(sources / IMAGES / names[-1], world, number)
        scenes = [world.scene(number) for number in range(first, first + images)]
        texts = {code: [sentence(scene, code) for scene in scenes] for code in LANGUAGES}
        write_set(sources, part, names, texts)


def sentence(scene: Scene, code: str) -> str:
    """Return a sentence about a scene in one language."""
    *some, last = [_phrase(thing, code) for thing in scene.things]
    listed = f"{', '.join(some)} {_AND[code]} {last}" if some else last
    return f"{listed[0].upper()}{listed[1:]} {_GROUND[code]}."


def write_set(sources: Path, part: str, images: list[str], texts: dict[str, list[str]]) -> None:
    """Write the list of images of one set, and its compressed sentences by language."""
    folder = sources / "multi30k-text"
    write_bytes(folder / "image_splits" / f"{part}.txt", _lines(images))
    for code, lines in texts.items():
        data = gzip.compress(_lines(lines), mtime=0)
        write_bytes(folder / "raw" / f"{part}.{code}.gz", data)


def _lines(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _phrase(thing: Thing, code: str) -> str:
    if code == "en":
        return f"{'an' if thing.color == 'orange' else 'a'} {thing.name}"
    gender, noun = _NOUNS[code][thing.shape].split()
    if code == "de":
        return f"ein {_GERMAN[thing.color]}{'er' if gender == 'm' else 'es'} {noun}"
    if code == "fr":
        masculine, feminine = _FRENCH[thing.color].split()
        return f"un {noun} {masculine}" if gender == "m" else f"une {noun} {feminine}"
    return f"{_CZECH[thing.color]}{'ý' if gender == 'm' else 'á'} {noun}"
