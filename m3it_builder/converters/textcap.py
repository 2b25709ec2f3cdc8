"""TextCaps: captions that include the text visible in OpenImages photographs.

The file has one item per caption, and each repeats all five captions of its image as
``reference_strs``. ``image_path`` names a folder that does not exist: images are named by
``image_id``, and those of validation are in the folder of the training images.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source, Turn

FOLDERS = {
    "train": "openimages-textvqa-trainval-images/train_images",
    "validation": "openimages-textvqa-trainval-images/train_images",
    "test": "openimages-textvqa-test-images/test_images",
}


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per caption; the test items have none."""
    folder = FOLDERS[source.split]
    for item in source.items(f"textcaps-annotations/TextCaps_0.1_{source.file_split}.json", "data"):
        image_id = item["image_id"]
        key = str(item.get("caption_id", image_id))
        caption = " ".join((item.get("caption_str") or "").split())
        if not caption and source.split != "test":
            yield Reject(key, "no_answer")
            continue
        yield Record(
            id=key,
            turns=(Turn("", caption),),
            images=(source.image(f"{folder}/{image_id}.jpg"),),
            meta={"image_id": image_id, "image_classes": item["image_classes"]},
        )
