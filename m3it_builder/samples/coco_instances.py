"""COCO's instance annotations for synthetic images: images, boxes, categories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from m3it_builder.records import JsonObject
from m3it_builder.samples.files import coco_file_name, coco_number
from m3it_builder.samples.world import COLORS, SHAPES, World

# Ids by name; with gaps, as in COCO.
CATEGORIES = {shape: 3 * n + 1 for n, shape in enumerate(SHAPES)}
FINE_CATEGORIES = {
    f"{color} {shape}": 3 * n + 1
    for n, (color, shape) in enumerate((c, s) for s in SHAPES for c in COLORS)
}


def instances(
    world: World,
    folder: str,
    indices: Iterable[int],
    category_ids: Mapping[str, int] = CATEGORIES,
) -> JsonObject:
    """Return the content of the official file for images of one COCO folder.

    Args:
        world: of the scenes.
        folder: ``train2014``, ``val2017`` and so on.
        indices: of the images.
        category_ids: by name of the category, either the shapes or the colored shapes.
    """
    images, annotations = [], []
    for index in indices:
        number = coco_number(folder, index)
        scene = world.scene(number)
        file_name = coco_file_name(folder, number)
        size = {"height": scene.height, "width": scene.width}
        images.append({"license": 1, "file_name": file_name, **size, "id": number})
        for n, thing in enumerate(scene.things):
            x0, y0, x1, y1 = thing.box
            box = [x0, y0, round(x1 - x0, 2), round(y1 - y0, 2)]
            annotations.append(
                {
                    "segmentation": [[x0, y0, x1, y0, x1, y1, x0, y1]],
                    "area": round(box[2] * box[3], 2),
                    "iscrowd": 0,
                    "image_id": number,
                    "bbox": box,
                    "category_id": category_ids.get(thing.name) or category_ids[thing.shape],
                    "id": number * 10 + n,
                }
            )
    categories = [
        {"supercategory": "shape", "id": number, "name": name}
        for name, number in category_ids.items()
    ]
    return {
        "info": {
            "description": "Drawn sample data in the layout of COCO.",
            "year": int(folder[-4:]),
        },
        "licenses": [{"url": "", "id": 1, "name": "None needed"}],
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }
