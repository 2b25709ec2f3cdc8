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
    return {{**batch, "images": base[[row_of[row_id] for row_id in batch["id"]]]["{column}"]}}


rows.set_transform(with_images)
print(rows[0]["outputs"], rows[0]["images"])
```
"""
_DUCKDB = """```sql
SELECT texts.instruction, texts.inputs, texts.outputs, base.{column}
FROM '{task}/parquet/{name}-*.parquet' AS texts
JOIN '{base}/parquet/{name}-*.parquet' AS base USING (id);
```
"""
_WEBDATASET = """```python
{imports}from webdataset import WebDataset

shard = "{name}-{number:05d}.tar"  # the shards of both have the same numbers and keys
base = WebDataset("{base}/webdataset/" + shard, shardshuffle=False)
images = {{one["__key__"]: {members} for one in base}}
for row in WebDataset("{task}/webdataset/" + shard, shardshuffle=False):
    print(row["json"], images[row["__key__"]])
```
"""


_MEMBERS = {  # imports, and the images of a sample of the base, by its encoding
    "bytes": ("", '[one[name] for name in one if name.endswith(".jpg")]'),
    "base64": ("import json\n\n", 'json.loads(one["json"])["image_base64_str"]'),
}


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
    is_base64 = unit.sibling.images == "base64"
    column = "image_base64_str" if is_base64 else "images"
    values = {"task": unit.task, "base": base, "name": unit.split, "column": column}
    tables = sorted(both & {"parquet", "arrow"}, key=lambda name: FORMATS[name].loading_rank)
    if tables:
        yield _datasets(tables[0], values)
    if "parquet" in both:
        yield _DUCKDB.format(**values)
    if "webdataset" in both:
        number = unit.shards[0].shard if unit.shards else 0
        imports, members = _MEMBERS[unit.sibling.images]
        yield _WEBDATASET.format(**values, number=number, imports=imports, members=members)
    if is_base64 and both:
        yield "Images of the base are base64 texts.\n"
    if not both & {"parquet", "arrow", "webdataset"}:
        yield f"Build `{base}` and this set as Parquet, and this text has the code of the join.\n"
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
