"""Writes what a batch gave: the outcome of each record, or the rows of a query, in the job's format.

Belongs here: the three formats of results. Not here: running a batch. Imports bulk's CSV form,
results, values, xml_text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from sf_pipelines.emulator.bulk.quoted_csv import QuotedCsv
from sf_pipelines.emulator.bulk.result_files import error_text
from sf_pipelines.emulator.bulk_v1.documents import NAMESPACE, XSI
from sf_pipelines.emulator.bulk_v1.jobs import ContentType
from sf_pipelines.emulator.results import Column, QueryResult, RowResult
from sf_pipelines.emulator.values import to_csv, to_rest
from sf_pipelines.emulator.xml_text import escaped

_CSV = QuotedCsv(",", "\n")
# [I] a dateTime is epoch milliseconds in this API's JSON.
EPOCH_DATETIMES_IN_JSON = True
_READ_ROWS = 2_000
_XML_OPEN = f'<?xml version="1.0" encoding="UTF-8"?><{{}} xmlns="{NAMESPACE}" xmlns:xsi="{XSI}">'


def outcome_bytes(content_type: ContentType, results: Sequence[RowResult]) -> bytes:
    """The outcome of each record, in the order of the request."""
    if content_type == "JSON":
        return orjson.dumps([_outcome_json(result) for result in results])
    if content_type == "XML":
        body = "".join(map(_outcome_xml, results))
        return f"{_XML_OPEN.format('results')}{body}</results>".encode()
    rows = [_CSV.row(["Id", "Success", "Created", "Error"])]
    rows += [
        _CSV.row([result.id or "", _flag(result.success), _flag(result.created), _error(result)])
        for result in results
    ]
    return "".join(rows).encode()


def query_pieces(content_type: ContentType, result: QueryResult) -> Iterator[bytes]:
    """All rows of a query, piece by piece."""
    if content_type == "CSV":
        yield _CSV.row([column.label for column in result.columns]).encode()
        for rows in _pages(result):
            texts = [
                [to_csv(column.field, value) for value in values]
                for column, values in zip(result.columns, zip(*rows, strict=True), strict=True)
            ]
            yield _CSV.text(_CSV.lines(texts)).encode()
    elif content_type == "JSON":
        yield from _json_pieces(result)
    else:
        yield _XML_OPEN.format("queryResult").encode()
        for rows in _pages(result):
            yield "".join(_record_xml(result, row) for row in rows).encode()
        yield b"</queryResult>"


def _pages(result: QueryResult) -> Iterator[list[tuple[Any, ...]]]:
    for offset in range(0, result.total_size, _READ_ROWS):
        rows = result.read_page(offset, _READ_ROWS)
        if rows:
            yield rows


def _json_pieces(result: QueryResult) -> Iterator[bytes]:
    separator = b"["
    for rows in _pages(result):
        for row in rows:
            yield separator + orjson.dumps(_record(result, row))
            separator = b","
    yield b"[]" if separator == b"[" else b"]"


def _record(result: QueryResult, row: Sequence[Any]) -> dict[str, Any]:
    record: dict[str, Any] = {"attributes": {"type": result.sobject}}
    for column, value in zip(result.columns, row, strict=True):
        target = record
        for relationship in column.path[:-1]:
            target = target.setdefault(relationship, {})
        target[column.path[-1]] = _json_value(column, value)
    return record


def _json_value(column: Column, value: Any) -> Any:
    if EPOCH_DATETIMES_IN_JSON and column.field.type == "datetime":
        return value
    return to_rest(column.field, value)


def _record_xml(result: QueryResult, row: Sequence[Any]) -> str:
    fields = "".join(
        f"<{column.label}>{escaped(to_csv(column.field, value))}</{column.label}>"
        if value is not None
        else f'<{column.label} xsi:nil="true"/>'
        for column, value in zip(result.columns, row, strict=True)
    )
    return f'<records xsi:type="sObject"><type>{result.sobject}</type>{fields}</records>'


def _outcome_json(result: RowResult) -> dict[str, Any]:
    errors = [{**error.as_row_error(), "extendedErrorDetails": None} for error in result.errors]
    return {"success": result.success, "created": result.created, "id": result.id, "errors": errors}


def _outcome_xml(result: RowResult) -> str:
    errors = "".join(
        "<errors>"
        + "".join(f"<fields>{field}</fields>" for field in error.fields or ())
        + f"<message>{escaped(error.message)}</message><statusCode>{error.code}</statusCode></errors>"
        for error in result.errors
    )
    id_ = f"<id>{result.id}</id>" if result.id else ""
    flags = f"<success>{_flag(result.success)}</success><created>{_flag(result.created)}</created>"
    return f"<result>{errors}{id_}{flags}</result>"


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _error(result: RowResult) -> str:
    return "" if result.success else error_text(result.errors[0])
