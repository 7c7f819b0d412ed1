"""Reads the content of a batch: CSV, JSON or XML records, as columns for the org to write, or a query.

Belongs here: the three formats. Not here: writing records (batch_run.py). Imports bulk's CSV
parts, documents, xml_text.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import orjson

from sf_pipelines.emulator.absent import ABSENT
from sf_pipelines.emulator.bulk.csv_source import CsvSource
from sf_pipelines.emulator.bulk.header import BoundColumn, bind_header
from sf_pipelines.emulator.bulk.row_columns import ParsedRows, parse_rows
from sf_pipelines.emulator.bulk.settings import BATCH_ROWS
from sf_pipelines.emulator.bulk.strict_csv import JobFailedError
from sf_pipelines.emulator.bulk_v1.documents import XSI, local_name
from sf_pipelines.emulator.bulk_v1.jobs import ClassicJob
from sf_pipelines.emulator.csv_values import NULL_MARK
from sf_pipelines.emulator.dml.batch import RecordColumns
from sf_pipelines.emulator.schema.model import ObjectSchema, OrgSchema
from sf_pipelines.emulator.xml_text import XmlRefusedError, parse_xml

# [I] text; [D] ten thousand records.
TOO_MANY = f"InvalidBatch : The batch has more than {BATCH_ROWS} records"
_NOT_FIELDS = ("attributes", "type")
Record = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchContent:
    """The records of a batch, and the columns that they name."""

    columns: Sequence[BoundColumn]
    parsed: ParsedRows
    size: int


def read_content(schema: OrgSchema, job: ClassicJob, content: bytes) -> BatchContent:
    """The records of `content` in the job's format.

    Raises:
        JobFailedError: the batch as a whole can't be read; the text is its stateMessage.
    """
    if job.content_type == "CSV":
        return _read_csv(schema, job, content)
    records = _json_records(content) if job.content_type == "JSON" else _xml_records(content)
    if len(records) > BATCH_ROWS:
        raise JobFailedError(TOO_MANY)
    return _as_columns(schema, job, records)


def read_soql(content: bytes) -> str:
    """The query of a batch.

    Raises:
        JobFailedError: it is no text.
    """
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise JobFailedError("InvalidBatch : Failed to process query: it isn't UTF-8") from error


def _read_csv(schema: OrgSchema, job: ClassicJob, content: bytes) -> BatchContent:
    # [D] the guide names no line ending for this API: that of the header holds.
    ending = "CRLF" if content.partition(b"\n")[0].endswith(b"\r") else "LF"
    source = CsvSource(io.BytesIO(content), delimiter=",", line_ending=ending)
    names, _ = source.header()
    columns = bind_header(schema, schema.object(job.sobject), job.operation, names)
    rows = source.batch(BATCH_ROWS + 1).rows
    if len(rows) > BATCH_ROWS:
        raise JobFailedError(TOO_MANY)
    return BatchContent(columns=columns, parsed=parse_rows(columns, rows), size=len(rows))


def _json_records(content: bytes) -> list[Record]:
    try:
        value: Any = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise JobFailedError(f"InvalidBatch : Unable to parse JSON: {error.msg}") from error
    if not isinstance(value, list) or not all(isinstance(record, dict) for record in value):
        raise JobFailedError("InvalidBatch : An array of objects is expected")
    return value


def _xml_records(content: bytes) -> list[Record]:
    try:
        root = parse_xml(content)
    except XmlRefusedError as error:
        raise JobFailedError(f"InvalidBatch : Unable to parse XML: {error}") from error
    if local_name(root) != "sObjects":
        raise JobFailedError("InvalidBatch : The element sObjects is expected")
    return [_xml_record(element) for element in root]


def _xml_record(element: ElementTree.Element, *, is_parent: bool = False) -> Record:
    """Texts; `xsi:nil` and `#N/A` are null, an empty element is no value, a child `sObject` is a parent.

    Raises:
        JobFailedError: anything else has elements in it, a parent's parent too.
    """
    record: dict[str, Any] = {}
    for field in element:
        name, text = local_name(field), (field.text or "").strip()
        if len(field) and (is_parent or local_name(field[0]) != "sObject"):
            raise JobFailedError(f"InvalidBatch : Unable to parse XML: no value of {name} can have elements")
        if len(field):
            record[name] = _xml_record(field[0], is_parent=True)
        elif field.get(f"{{{XSI}}}nil") in ("true", "1") or text == NULL_MARK:
            record[name] = None
        elif text:
            record[name] = text
    return record


def _as_columns(schema: OrgSchema, job: ClassicJob, records: Sequence[Record]) -> BatchContent:
    """Check every name as a CSV header is checked: one wrong name fails the batch."""
    paths = dict.fromkeys(
        path for record in records for name, value in record.items() for path in _paths(name, value)
    )
    item = schema.object(job.sobject)
    columns = bind_header(schema, item, job.operation, list(paths)) if paths else []
    names = dict.fromkeys(name for record in records for name in record if name not in _NOT_FIELDS)
    values = {_spelling(item, name): [record.get(name, ABSENT) for record in records] for name in names}
    parsed = ParsedRows(records=RecordColumns(values, len(records)), errors={})
    return BatchContent(columns=columns, parsed=parsed, size=len(records))


def _paths(name: str, value: Any) -> list[str]:
    if name in _NOT_FIELDS:
        return []
    if not isinstance(value, dict):
        return [name]
    return [f"{name}.{key}" for key in value if key not in _NOT_FIELDS]


def _spelling(item: ObjectSchema, name: str) -> str:
    field = item.field(name)
    return name if field is None else field.name
