"""Winoground: two images, and two captions of the same words in another order.

An example makes two rows: each image with both captions, or each caption with both images.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source, Turn

IMAGES = ("the first image", "the second image")
KEPT = ("tag", "secondary_tag", "collapsed_tag", "num_main_preds")


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield two records per example; image 0 belongs to caption 0, image 1 to caption 1."""
    for row in source.jsonl("winoground-annotations/examples.jsonl"):
        captions = tuple(row[f"caption_{n}"].strip() for n in (0, 1))
        names = tuple(row[f"image_{n}"] for n in (0, 1))
        images = tuple(source.image(f"winoground-images/images/{name}.png") for name in names)
        for n in (0, 1):
            number = f"{row['id']}-{n}"
            if not all(captions) or len(set(captions)) < len(captions):
                yield Reject(number, "nothing_to_choose", "a caption is blank, or both are equal")
                continue
            if source.option("choose") == "image":
                turn, shown = Turn(captions[n], IMAGES[n], IMAGES, n), images
            else:
                turn, shown = Turn("", captions[n], captions, n), images[n : n + 1]
            yield Record(
                id=number,
                turns=(turn,),
                images=shown,
                meta={"example": row["id"], "image_names": names} | {key: row[key] for key in KEPT},
            )
