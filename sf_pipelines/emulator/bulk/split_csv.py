"""Cuts a text of one-line CSV records into columns, by a few string operations on the whole of it.

Belongs here: the cutting, and the checks that make it exact. Not here: what to do about a text that can't be
cut like this (csv_source.py). Imports nothing of the emulator.
"""

from __future__ import annotations

from operator import itemgetter

# They stand for the ends of records and values while a text is cut; a text that holds one isn't cut here.
_RECORD_END, _VALUE_END = "\x1e", "\x1f"
_ENDS = {_RECORD_END, _VALUE_END}


def split_columns(text: str, *, delimiter: str, newline: str, records: int) -> list[list[str]] | None:
    """The columns of the `records` lines of `text`, each of which ends with `newline`.

    None when that isn't certain: a blank line, a value of several lines, rows of unequal width, a quote
    inside an unquoted value or without its pair, a character that is needed for the cutting.
    """
    if _RECORD_END in text or _VALUE_END in text:
        return None
    pieces = text.split('"')
    # What stands outside quotes are the pieces of even number: only there do delimiters count.
    bare = '"'.join(pieces[::2]).replace(newline, _RECORD_END).replace(delimiter, _VALUE_END)
    has_blank_line = bare.startswith(_RECORD_END) or _RECORD_END * 2 in bare
    if has_blank_line or len(pieces) % 2 == 0 or bare.count(_RECORD_END) != records:
        return None
    if len(pieces) > 1:
        outside = bare.split('"')
        if not _are_at_edges(outside):
            return None
        # An empty piece between two quotes is a doubled quote: one quote of the value.
        outside[1:-1] = [piece or '"' for piece in outside[1:-1]]
        pieces[::2] = outside
        bare = "".join(pieces)
    return _even_columns(bare, records)


def _are_at_edges(outside: list[str]) -> bool:
    """Whether each quote opens or closes a value, or is one of a doubled pair; the last piece isn't empty."""
    first, *between, last = outside
    solid = list(filter(None, between))
    opening = {*first[-1:], *map(itemgetter(-1), solid)}
    closing = {last[0], *map(itemgetter(0), solid)}
    return opening | closing <= _ENDS


def _even_columns(marked: str, records: int) -> list[list[str]] | None:
    """Cut where the marks are; each record's end is made a cell, so that one comparison shows even widths."""
    cells = marked.replace(_RECORD_END, f"{_VALUE_END}{_RECORD_END}{_VALUE_END}").split(_VALUE_END)
    step = cells.index(_RECORD_END) + 1
    if cells[step - 1 :: step] != [_RECORD_END] * records:
        return None
    return [cells[at : records * step : step] for at in range(step - 1)]
