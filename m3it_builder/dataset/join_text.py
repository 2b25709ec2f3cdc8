"""The part of a sibling's README that says how to fetch the images of its base: code that runs."""

from __future__ import annotations

from collections.abc import Iterator

from m3it_builder.dataset.manifest import Manifest
from m3it_builder.shards.formats import FORMATS

_DATASETS = """```python
from datasets import {loader}

rows = {loader}("{task}/{form}"{argument}){split}
base = {loader}("{base}/{form}"{argument}){split}
row_of = {{row_id: number for number, row_id in enumerate(base["id"])}}


def with_images(batch):
    return {{**batch, "images": base[[row_of[row_id] for row_id in batch["id"]]]["images"]}}


rows.set_transform(with_images)
print(rows[0]["outputs"], rows[0]["images"])
```
"""
_DUCKDB = """```sql
SELECT texts.instruction, texts.inputs, texts.outputs, base.images
FROM '{task}/parquet/{name}-*.parquet' AS texts
JOIN '{base}/parquet/{name}-*.parquet' AS base USING (id);
```
"""
_WEBDATASET = """```python
from webdataset import WebDataset

shard = "{name}-{number:05d}.tar"  # the shards of both have the same numbers and keys
base = WebDataset("{base}/webdataset/" + shard, shardshuffle=False)
images = {{one["__key__"]: [one[name] for name in one if name.endswith(".jpg")] for one in base}}
for row in WebDataset("{task}/webdataset/" + shard, shardshuffle=False):
    print(row["json"], images[row["__key__"]])
```
"""


def join_text(unit: Manifest) -> Iterator[str]:
    """Yield the lines of this part; none for a unit that has its images."""
    if unit.sibling is None or unit.plan.images != "shared":
        return
    base = unit.sibling.base
    yield "## Fetch the images\n"
    yield (
        f"A row has the id of its row in `{base}`, and `image_ids`, the BLAKE3 digests of that "
        f"row's images. Copy both folders together. In the folder that has both:\n"
    )
    both = set(unit.formats) & set(unit.sibling.formats)
    values = {"task": unit.task, "base": base, "name": unit.split}
    tables = sorted(both & {"parquet", "arrow"}, key=lambda name: FORMATS[name].loading_rank)
    if tables:
        yield _datasets(tables[0], values)
    if "parquet" in both:
        yield _DUCKDB.format(**values)
    if "webdataset" in both:
        number = unit.shards[0].shard if unit.shards else 0
        yield _WEBDATASET.format(**values, number=number)
    yield (
        "Whatever the formats, `m3it show` and `m3it_builder.dataset.reader.read_rows` return rows "
        "with their images.\n"
    )


def _datasets(name: str, values: dict[str, str]) -> str:
    entry, split = FORMATS[name], values["name"]
    argument, in_split = f', split="{split}"', ""
    if entry.state_file:  # load_from_disk returns all splits
        argument, in_split = "", f'["{split}"]'
    return _DATASETS.format(
        loader=entry.loader, form=name, argument=argument, split=in_split, **values
    )
