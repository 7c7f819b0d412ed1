// jsforce loads and reads by the Bulk API 2.0.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from './support.mjs';

test('a load tells of every row, and a query reads them back', async () => {
  const connection = await connect();
  connection.bulk2.pollInterval = 20;
  const rows = Array.from({ length: 500 }, (_, n) => ({ LastName: `Bulk ${n}`, Company: 'Bulk' }));
  const results = await connection.bulk2.loadAndWaitForResults({
    object: 'Lead',
    operation: 'insert',
    input: [...rows, { LastName: 'Without company', Company: '' }],
  });
  const stream = await connection.bulk2.query("SELECT LastName FROM Lead WHERE Company = 'Bulk'");
  const read = await stream.toArray();

  assert.equal(results.successfulResults.length, 500);
  assert.equal(results.failedResults.length, 1);
  assert.match(results.failedResults[0].sf__Error, /^REQUIRED_FIELD_MISSING:/);
  assert.equal(results.unprocessedRecords.length, 0);
  assert.equal(read.length, 500);
});
