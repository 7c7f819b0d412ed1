"""What is wrong with a schema file.

Belongs here: the one exception. Imports nothing of the emulator.
"""

from __future__ import annotations


class SchemaError(ValueError):
    """A schema file that can't be used. The text names file, line, object and field, and the mend."""
