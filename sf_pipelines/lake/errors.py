"""Errors of the lake: each message is one sentence that names the file, table or source, and the mend."""

from __future__ import annotations


class LakeError(Exception):
    """The lake cannot do what was asked."""


class SourceError(LakeError):
    """The rows of a load cannot be read from where they are declared to be."""


class CsvError(LakeError):
    """A CSV stream is not what its header or schema promises."""


class MisfitError(LakeError):
    """A value is not of the type that its field is described with."""


class WarehouseError(LakeError):
    """The warehouse cannot take the rows."""
