"""Multi30k: sentences about photographs in English, German, French and Czech.

Line n of every file belongs to the same photograph. Lines of ``test_2017_mscoco`` name an image of
COCO and, after ``#``, its caption. Czech is missing for both test sets of 2017.
"""

from collections.abc import Iterator
from itertools import permutations

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.errors import CardError
from m3it_builder.formats.aligned import aligned_lines
from m3it_builder.formats.coco import named_image
from m3it_builder.records import Image

LANGUAGES = {"en": "English", "de": "German", "fr": "French", "cs": "Czech"}
OTHER_IMAGES = ("test_2017_flickr", "test_2018_flickr")


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per sentence and pair of languages."""
    part = str(source.option("test_set")) if source.split == "test" else source.file_split
    pairs = _pairs(source, part)
    languages = [code for code in LANGUAGES if any(code in pair for pair in pairs)]
    names = [f"image_splits/{part}.txt", *(f"raw/{part}.{code}" for code in languages)]
    lines = aligned_lines(source, [f"multi30k-text/{name}" for name in names])
    for number, (line, *texts) in enumerate(lines, 1):
        file, _, caption = line.strip().partition("#")
        tidy = [" ".join(text.split()) for text in texts]
        sentences = dict(zip(languages, tidy, strict=True))
        for pair in pairs:
            key = "-".join([file.removesuffix(".jpg"), *pair])
            sentence, translation = (sentences[code] for code in pair)
            if not sentence or not translation:
                yield Reject(key, "no_answer" if sentence else "no_question")
                continue
            yield Record(
                id=key,
                context=f"Target language: {LANGUAGES[pair[1]]}",
                turns=(Turn(sentence, translation),),
                images=(_image(source, part, file),),
                lang=pair[1],
                meta={"set": part, "line": number, "from": pair[0], "into": pair[1]}
                | ({"caption_id": int(caption)} if caption else {}),
            )


def _pairs(source: Source, part: str) -> list[tuple[str, str]]:
    others = [code for code in LANGUAGES if source.option("languages") in ("all", code)]
    codes = ["en", *(code for code in others if code != "en")]
    if "2017" in part:
        codes = [code for code in codes if code != "cs"]
    if len(codes) == 1:
        raise CardError(
            f"multi30k: {part} has no Czech; choose other languages or another test set"
        )
    position = {"from_english": 0, "to_english": 1}.get(str(source.option("directions")))
    return [pair for pair in permutations(codes, 2) if position is None or pair[position] == "en"]


def _image(source: Source, part: str, file: str) -> Image:
    if file.startswith("COCO_"):
        return named_image(source, file.split("_")[1], file)
    folder = "multi30k-images-2017-2018" if part in OTHER_IMAGES else "flickr30k-images"
    return source.image(f"{folder}/{file}" if part in OTHER_IMAGES else f"{folder}/{folder}/{file}")
