"""Stanford image paragraphs: descriptions of several sentences for Visual Genome images.

All splits share one file of paragraphs, and each has an official list of image ids. A few
images have two paragraphs, of which the first is used. The images are in two archives, and
the address of an image names its folder.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source, Turn

FOLDERS = ("visual-genome-images-1/VG_100K", "visual-genome-images-2/VG_100K_2")


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per image of the split; the paragraph is the target."""
    ids = set(source.items(f"image-paragraph-splits/{source.file_split}_split.json"))
    missing = set(ids)
    for entry in source.items("image-paragraphs/paragraphs_v1.json"):
        number = entry["image_id"]
        if number not in ids:
            continue  # another split
        missing.discard(number)
        paragraph = " ".join((entry["paragraph"] or "").split())
        if not paragraph:
            yield Reject(str(number), "no_answer")
            continue
        first, second = FOLDERS if "/VG_100K/" in entry["url"] else FOLDERS[::-1]
        yield Record(
            id=str(number),
            turns=(Turn("", paragraph),),
            images=(source.image(f"{first}/{number}.jpg", f"{second}/{number}.jpg"),),
            meta={"image_id": number, "url": entry["url"]},
        )
    for number in sorted(missing):
        yield Reject(str(number), "no_answer", "listed in the split, but without a paragraph")
