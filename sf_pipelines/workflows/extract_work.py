"""One extract under way in one process: what it reads, for which run, and where its files are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

import pyarrow as pa

from sf_pipelines.lake.filesystems import lake_uri
from sf_pipelines.lake.parquet import ParquetSink, remove_file
from sf_pipelines.lake.tally import Tally
from sf_pipelines.lake.warehouse import MergeResult, merge_into_raw
from sf_pipelines.ledger.extract_book import ExtractBook, Page, Part
from sf_pipelines.model.decision import Decision
from sf_pipelines.model.describe import SObjectDescribe
from sf_pipelines.model.sync import ExtractSync
from sf_pipelines.workflows.extract_plan import Counter
from sf_pipelines.workflows.soql import select
from sf_pipelines.workflows.tools import Tools


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtractWork:
    """A run of an extract, as the process sees it that works on it.

    Attributes:
        attempt: number of this process among those that worked on the run.
        folder: path of the run's files within the lake.
        include_deleted: whether rows in the recycle bin are read too.
        merge: what brings rows into the warehouse, called as `merge_into_raw` is.
    """

    sync: ExtractSync
    describe: SObjectDescribe
    schema: pa.Schema
    tools: Tools
    book: ExtractBook
    run_id: UUID
    attempt: int
    decision: Decision
    folder: str
    include_deleted: bool
    merge: Callable[..., MergeResult] = merge_into_raw

    @property
    def counter(self) -> Counter:
        """Counts of the object."""
        return Counter(
            rest=self.tools.client.rest, sobject=self.describe.name, include_deleted=self.include_deleted
        )

    @property
    def uri(self) -> str:
        """The folder of the run's files."""
        return lake_uri(self.tools.lake, self.folder)

    def soql(self, part: Part) -> str:
        """The query of a part."""
        return select(self.describe.name, self.schema.names, part.span.window, part.span.ids)

    def sink(self, part: Part, page: Page) -> ParquetSink:
        """The file of a page.

        One that is there already was finished by a process that died before it could say so: nobody
        reads what the ledger does not name, so it makes way.
        """
        if self.attempt > 1 or part.trouble is not None:
            self.remove(part, page)
        return ParquetSink(self.tools.lake, self._path(part, page), self.schema)

    def remove(self, part: Part, page: Page) -> None:
        """Take away the file of a page that is read anew."""
        remove_file(self.tools.lake, self._path(part, page))

    def store(self, part: Part, page: Page, sink: ParquetSink, tally: Tally) -> Page:
        """Tell the ledger that the file of a page is there."""
        stored = replace(
            page,
            rows=tally.rows,
            uri=sink.uri,
            rows_by_day=dict(tally.rows_by_day),
            checksum=tally.checksum,
        )
        self.book.store_page(self.run_id, part.number, stored, attempt=self.attempt)
        return stored

    def tell(self, sentence: str) -> None:
        """Progress, with the name of the sync."""
        self.tools.tell(f"{self.sync.name}: {sentence}")

    def _path(self, part: Part, page: Page) -> str:
        return f"{self.folder}/part-{part.number:04d}-page-{page.number:05d}.parquet"
