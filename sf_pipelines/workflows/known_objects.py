"""What an org describes, kept on disk: so that a process which only looks costs no call and no time.

A description may be a day old; whoever finds a contradiction in it asks for a fresh one before telling it.
An org that does not answer is not asked again for a minute.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson

from sf_pipelines.model.describe import FieldDescribe, SObjectDescribe
from sf_pipelines.rails.errors import ObjectNotFoundError, SalesforceError

KEPT_FOR = timedelta(days=1)
ASK_AGAIN_AFTER = timedelta(seconds=60)
FORMAT = 1
"""Raised when the shape of a kept description changes."""

_log = logging.getLogger(__name__)


class KnownObjects:
    """Descriptions of one org.

    Args:
        folder: where they are kept, one file for each org and object.
        org: address of the org, so that two orgs are never mixed up.
        ask: describes an object; raises SalesforceError.
        clock: this machine's time in UTC.
    """

    def __init__(
        self, folder: Path, *, org: str, ask: Callable[[str], SObjectDescribe], clock: Callable[[], datetime]
    ) -> None:
        self._folder = folder / sha256(org.encode()).hexdigest()[:16]
        self._ask = ask
        self._clock = clock
        self._told: dict[str, SObjectDescribe] = {}

    def describe(self, sobject: str, *, fresh: bool = False) -> SObjectDescribe | None:
        """The object as described within the last day, None where the org does not answer.

        Args:
            fresh: ask the org, unless this process has asked already.

        Raises:
            ObjectNotFoundError: the org has no such object, or does not show it to this user.
        """
        if sobject in self._told:
            return self._told[sobject]
        kept = None if fresh else self._read(sobject)
        return kept or self._ask_org(sobject)

    def _ask_org(self, sobject: str) -> SObjectDescribe | None:
        silence = self._folder / "silent"
        if _age(silence, self._clock()) < ASK_AGAIN_AFTER:
            return None
        try:
            described = self._ask(sobject)
        except ObjectNotFoundError:
            raise
        except SalesforceError as error:
            _log.warning("Loads are not checked against the org, which cannot be asked: %s", error)
            self._write(silence, str(error).encode())
            return None
        self._told[sobject] = described
        self._write(self._file(sobject), orjson.dumps({"format": FORMAT, "describe": asdict(described)}))
        return described

    def _read(self, sobject: str) -> SObjectDescribe | None:
        path = self._file(sobject)
        if _age(path, self._clock()) >= KEPT_FOR:
            return None
        try:
            document = orjson.loads(path.read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return None
        return _from_json(document["describe"]) if document.get("format") == FORMAT else None

    def _file(self, sobject: str) -> Path:
        return self._folder / f"{sha256(sobject.casefold().encode()).hexdigest()[:16]}.json"

    def _write(self, path: Path, content: bytes) -> None:
        """Whole or not at all; a folder that cannot be written costs a call each time, nothing else."""
        part = path.with_name(f"{path.name}.{uuid4().hex}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part.write_bytes(content)
            part.replace(path)
        except OSError as error:
            _log.warning("What the org describes cannot be kept in %s: %s", self._folder, error.strerror)


def _age(path: Path, now: datetime) -> timedelta:
    try:
        written_at = datetime.fromtimestamp(path.stat().st_mtime, now.tzinfo)
    except OSError:
        return timedelta.max
    return now - written_at


def _from_json(item: dict[str, Any]) -> SObjectDescribe:
    fields = {name: FieldDescribe(**_tuples(field)) for name, field in item.pop("fields").items()}
    return SObjectDescribe(**item, fields=fields)


def _tuples(field: dict[str, Any]) -> dict[str, Any]:
    return field | {"reference_to": tuple(field["reference_to"])}
