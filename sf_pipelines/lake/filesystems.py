"""Where the lake is: a folder, an object store that Arrow knows (s3, gs, abfs), or any that fsspec knows.

Knows URLs and file systems, nothing of Parquet.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pyarrow as pa
from fsspec.core import url_to_fs
from pyarrow import fs

from sf_pipelines.lake.errors import LakeError


def open_lake(lake_url: str) -> tuple[fs.FileSystem, str]:
    """The file system of a lake, and the lake's place on it.

    Arrow's own file systems come first, since they stream without the interpreter; credentials are those
    of the environment (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL` and the like).

    Raises:
        LakeError: nobody can open it, or it carries a password, which would end up in ledger and pages.
    """
    if "://" not in lake_url:
        return fs.LocalFileSystem(), str(Path(lake_url).absolute())
    if urlsplit(lake_url).password:
        raise LakeError(
            "SF_PIPELINES_LAKE carries a password: take it out, and set it in the environment "
            "(AWS_SECRET_ACCESS_KEY and the like)."
        )
    try:
        return fs.FileSystem.from_uri(lake_url)
    except (pa.ArrowException, OSError, ImportError, ValueError) as error:
        return _by_fsspec(lake_url, error)


def lake_uri(lake_url: str, relative_path: str) -> str:
    """The address of a file in the lake; options of the lake's URL stay behind its path."""
    place, mark, options = lake_url.partition("?")
    return f"{place.rstrip('/')}/{relative_path}{mark}{options}"


def _by_fsspec(lake_url: str, refusal: Exception) -> tuple[fs.FileSystem, str]:
    try:
        files, root = url_to_fs(lake_url)
    except (ValueError, ImportError, OSError) as error:
        reasons = "; ".join(str(item).splitlines()[0].rstrip(".") for item in (refusal, error))
        raise LakeError(f"SF_PIPELINES_LAKE is {lake_url}, which cannot be opened ({reasons}).") from error
    handler = cast(Any, fs.FSSpecHandler)(files)  # its stub calls it abstract, which it is not
    return fs.PyFileSystem(handler), root
