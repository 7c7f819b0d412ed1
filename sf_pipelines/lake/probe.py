"""Whether the lake can be used: one small file is written, read and removed."""

from __future__ import annotations

import posixpath
from uuid import uuid4

from sf_pipelines.lake.errors import LakeError
from sf_pipelines.lake.filesystems import open_lake

CONTENT = b"sf_pipelines"


def probe_lake(lake_url: str) -> None:
    """Leave nothing behind.

    Raises:
        LakeError: the lake cannot be opened, written, read or emptied.
    """
    files, root = open_lake(lake_url)
    path = posixpath.join(root, f".probe-{uuid4().hex}")
    try:
        files.create_dir(root, recursive=True)
        with files.open_output_stream(path) as written:
            written.write(CONTENT)
        with files.open_input_stream(path) as read:
            came_back = read.read()
        files.delete_file(path)
    except OSError as error:
        reason = error.strerror or str(error).splitlines()[0].rstrip(".")
        raise LakeError(
            f"The lake {lake_url} cannot be used ({reason}): mend its permissions, or set "
            "SF_PIPELINES_LAKE to another place."
        ) from error
    if came_back != CONTENT:
        raise LakeError(f"The lake {lake_url} gave back other bytes than were written: use another place.")
