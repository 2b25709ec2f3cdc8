"""Writers of rows with images, each timed in a process of its own.

Run as ``python -m benchmarks.writers NAME FOLDER``: reads the images and
texts that ``benchmarks.phase_b`` prepared in FOLDER, writes below FOLDER/out,
and prints CPU seconds as JSON. Imports and setup are not counted.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from m3it_builder.build import pack as pack_module
from m3it_builder.build.assemble import Packing
from m3it_builder.build.pack import PackJob, pack
from m3it_builder.build.spool_reader import CorruptSpoolError, ReadSpool
from m3it_builder.shards.batches import Batcher
from m3it_builder.shards.formats import FormatName, ImageEncoding, ShardRow
from m3it_builder.shards.parquet.enums import CompressionCodec
from m3it_builder.shards.parquet.pages import PAGE_BYTES
from m3it_builder.shards.parquet.schema import column_descriptors
from m3it_builder.storage.output import Output

_SHARD_BYTES = 256_000_000
_WARM_ROWS = 400  # written before the clock starts: imports, first allocations

Rows = list[tuple[str, dict[str, str], Path]]  # key, texts, image
Write = Callable[[], None]


def ours(folder: Path, out: Path, formats: tuple[FormatName, ...]) -> Write:
    """Pack the shards of a complete spool, as a worker of ``m3it build`` does."""
    stored = (folder / "packing.json").read_bytes()
    packing = replace(msgspec.json.decode(stored, type=Packing), formats=formats)
    spool = str(folder / "spool.sqlite")
    jobs = [
        PackJob(spool=spool, work=str(out), shard=shard, packing=packing)
        for shard in ReadSpool(folder / "spool.sqlite").shards()
    ]
    few = replace(jobs[0], shard=replace(jobs[0].shard, rows=_WARM_ROWS))
    with suppress(CorruptSpoolError):  # a part of a shard has another digest, found at its end
        pack(few)
    shutil.rmtree(out)
    out.mkdir()

    def write() -> None:
        for job in jobs:
            pack(job)

    return write


class PyArrowParquetWriter:
    """Writes our Parquet layout through pyarrow, at its fastest settings for it.

    The settings were compared on images of 122 KB: small write batches save a fifth of the
    writer's time; other page sizes, data page version 2 and Arrow's own file class save
    nothing, and the last would cost a second pass over the file for its digest.
    """

    ranges = None

    def __init__(self, output: Output, encoding: ImageEncoding) -> None:
        self._batcher = Batcher(encoding, self._write)
        columns = {".".join(c.path_in_schema): c for c in column_descriptors(encoding)}
        self._writer = pq.ParquetWriter(
            output,
            self._batcher.schema,
            compression={
                name: "snappy" if column.codec is CompressionCodec.SNAPPY else "none"
                for name, column in columns.items()
            },
            use_dictionary=[name for name, column in columns.items() if column.has_dictionary],
            write_page_index=True,
            data_page_size=PAGE_BYTES,
            write_batch_size=16,
        )

    def write(self, row: ShardRow) -> None:
        """Append one row."""
        self._batcher.add(row)

    def close(self) -> None:
        """Write the last row group and the footer."""
        self._batcher.flush()
        self._writer.close()

    def _write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch)


def concatenation(rows: Rows, out: Path) -> None:
    """Write nothing but the images into one file: the upper limit of this machine."""
    with (out / "all.bin").open("wb", buffering=1 << 20) as file:
        for _, _, image in rows:
            file.write(image.read_bytes())


def plain_tarfile(rows: Rows, out: Path) -> None:
    """Write tar shards with the standard library."""
    with tarfile.open(out / "all.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
        for key, texts, image in rows:
            for ending, data in (
                ("json", json.dumps(texts).encode()),
                ("jpg", image.read_bytes()),
            ):
                member = tarfile.TarInfo(f"{key}.{ending}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))


def webdataset(rows: Rows, out: Path) -> None:
    """Write tar shards with ``webdataset.ShardWriter``."""
    import webdataset as wds

    pattern = str(out / "train-%05d.tar")
    with wds.ShardWriter(pattern, maxsize=_SHARD_BYTES, maxcount=1 << 30, verbose=0) as sink:
        for key, texts, image in rows:
            sink.write({"__key__": key, "json": texts, "jpg": image.read_bytes()})


def mds(rows: Rows, out: Path) -> None:
    """Write MosaicML shards with ``streaming.MDSWriter``."""
    from streaming import MDSWriter

    columns = {"key": "str", "json": "json", "jpg": "bytes"}
    with MDSWriter(out=str(out), columns=columns, size_limit=_SHARD_BYTES) as sink:
        for key, texts, image in rows:
            sink.write({"key": key, "json": texts, "jpg": image.read_bytes()})


def datasets_parquet(rows: Rows, out: Path) -> None:
    """Write Parquet with ``datasets``, from a generator over its own Arrow cache."""
    import datasets

    made = datasets.Dataset.from_generator(
        _examples, features=_features(rows), gen_kwargs={"rows": rows}, cache_dir=str(out / "cache")
    )
    made.to_parquet(str(out / "train.parquet"))


def datasets_streamed(rows: Rows, out: Path) -> None:
    """Write Parquet with ``datasets``, streamed without the cache."""
    import datasets

    made = datasets.IterableDataset.from_generator(
        _examples, features=_features(rows), gen_kwargs={"rows": rows}
    )
    made.to_parquet(str(out / "train.parquet"))


def _features(rows: Rows) -> Any:
    import datasets

    texts = {name: datasets.Value("string") for name in rows[0][1]}
    return datasets.Features({**texts, "images": datasets.List(datasets.Image())})


def _examples(rows: Rows) -> Iterator[dict[str, Any]]:
    for key, texts, image in rows:
        data = image.read_bytes()
        yield {**texts, "images": [{"bytes": data, "path": f"{key}.jpg"}]}


def base64_lines(rows: Rows, out: Path) -> None:
    """Write what M3IT published: JSON lines with base64, by the standard library."""
    import base64

    with (out / "train.jsonl").open("w") as file:
        for _, texts, image in rows:
            encoded = base64.b64encode(image.read_bytes()).decode()
            file.write(json.dumps({**texts, "image_base64_str": [encoded]}) + "\n")


PEERS: dict[str, Callable[[Rows, Path], None]] = {
    "concatenation": concatenation,
    "tarfile": plain_tarfile,
    "webdataset.ShardWriter": webdataset,
    "MDSWriter": mds,
    "datasets to Parquet": datasets_parquet,
    "datasets to Parquet, streamed": datasets_streamed,
    "base64 JSON lines": base64_lines,
}
OURS: dict[str, tuple[FormatName, ...]] = {f"m3it {name}": (name,) for name in get_args(FormatName)}
PYARROW = "m3it parquet through pyarrow"


def main() -> None:
    """Write once, and print the CPU seconds."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    if name in OURS:
        write = ours(folder, out, OURS[name])
    elif name == PYARROW:
        # All of packing stays ours; only the writer is replaced.
        pack_module.open_writer = lambda _, *arguments: PyArrowParquetWriter(*arguments)
        write = ours(folder, out, ("parquet",))
    else:
        listed = json.loads((folder / "rows.json").read_text())
        rows: Rows = [(key, texts, Path(image)) for key, texts, image in listed]
        peer = PEERS[name]
        peer(rows[:_WARM_ROWS], out)
        shutil.rmtree(out)
        out.mkdir()

        def write() -> None:
            peer(rows, out)

    began = time.process_time()
    write()
    sys.stdout.write(json.dumps({"cpu_s": time.process_time() - began}) + "\n")
    shutil.rmtree(out)


if __name__ == "__main__":
    main()
