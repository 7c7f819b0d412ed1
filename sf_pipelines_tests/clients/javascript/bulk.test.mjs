// jsforce loads and reads by the Bulk API, version 1 and 2.0.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { connect, control } from './support.mjs';

let connection;
before(async () => {
  connection = await connect();
  connection.bulk.pollInterval = 20;
  connection.bulk2.pollInterval = 20;
});

function leads(count, Company) {
  return Array.from({ length: count }, (_, n) => ({ LastName: `Bulk ${n}`, Company }));
}

test('a load tells of every row, and a query reads them back', async () => {
  const results = await connection.bulk2.loadAndWaitForResults({
    object: 'Lead',
    operation: 'insert',
    input: [...leads(500, 'Bulk'), { LastName: 'Without company', Company: '' }],
  });
  const stream = await connection.bulk2.query("SELECT LastName FROM Lead WHERE Company = 'Bulk'");
  const read = await stream.toArray();

  assert.equal(results.successfulResults.length, 500);
  assert.equal(results.failedResults.length, 1);
  assert.match(results.failedResults[0].sf__Error, /^REQUIRED_FIELD_MISSING:/);
  assert.equal(results.unprocessedRecords.length, 0);
  assert.equal(read.length, 500);
});

test('a job is upserted by key, then deleted, and its rows are still there for a scan of all', async () => {
  const input = ['k-1', 'k-2'].map((External_Id__c) => ({ External_Id__c, Name: External_Id__c }));
  const upsert = { object: 'Account', operation: 'upsert', externalIdFieldName: 'External_Id__c' };
  const first = await connection.bulk2.loadAndWaitForResults({ ...upsert, input });
  const again = await connection.bulk2.loadAndWaitForResults({ ...upsert, input });
  const ids = first.successfulResults.map((row) => ({ Id: row.sf__Id }));
  const remove = { object: 'Account', operation: 'delete', input: ids };
  const removed = await connection.bulk2.loadAndWaitForResults(remove);
  const soql = "SELECT Id, IsDeleted FROM Account WHERE Name IN ('k-1', 'k-2')";
  const live = await (await connection.bulk2.query(soql)).toArray();
  const all = await (await connection.bulk2.query(soql, { scanAll: true })).toArray();

  assert.deepEqual(first.successfulResults.map((row) => row.sf__Created), ['true', 'true']);
  assert.deepEqual(again.successfulResults.map((row) => row.sf__Created), ['false', 'false']);
  assert.equal(removed.failedResults.length, 0);
  assert.equal(live.length, 0);
  assert.deepEqual(all.map((row) => row.IsDeleted), ['true', 'true']);
});

test('a job that breaks off leaves the rows that it never read as unprocessed', async () => {
  await control('faults', { kind: 'job_fails', nth: 1, after_batches: 1, message: 'InternalServerError : lost' });
  const job = connection.bulk2.createJob({ object: 'Lead', operation: 'insert' });
  await job.open();
  const rows = leads(10_001, 'Broken');
  await job.uploadData(rows);
  await job.close();
  await assert.rejects(job.poll(), /failed to complete due to: InternalServerError : lost/);
  const results = await job.getAllResults();

  assert.equal(results.successfulResults.length, 10_000);
  assert.deepEqual(results.unprocessedRecords, [rows[10_000]]);
});

test('a job can be aborted while it is open, and deleted then', async () => {
  const job = connection.bulk2.createJob({ object: 'Lead', operation: 'insert' });
  await job.open();
  await job.uploadData(leads(1, 'Aborted'));
  await job.abort();
  const { state } = await job.check();
  await job.delete();

  assert.equal(state, 'Aborted');
  await assert.rejects(job.check(), { errorCode: 'NOT_FOUND' });
});

test('refused SOQL is told before a query job begins', async () => {
  await assert.rejects(connection.bulk2.query('SELECT COUNT(Id) FROM Lead'), {
    errorCode: /API_ERROR|INVALID/,
  });
});

test('version 1 loads batch by batch, with a result for each row', async () => {
  const input = [...leads(20, 'Classic'), { LastName: 'Without company', Company: '' }];
  const soql = "SELECT Id, LastName FROM Lead WHERE Company = 'Classic'";
  const inserted = await connection.bulk.load('Lead', 'insert', input);
  const found = await (await connection.bulk.query(soql)).toArray();
  const ids = found.map((row) => ({ Id: row.Id }));
  const deleted = await connection.bulk.load('Lead', 'delete', ids);

  assert.equal(inserted.filter((row) => row.success && row.created && row.id).length, 20);
  assert.match(inserted[20].errors[0], /^REQUIRED_FIELD_MISSING:/);
  assert.equal(found.length, 20);
  assert.ok(deleted.every((row) => row.success));
});

test('version 1 upserts by key, and lists and closes its jobs', async () => {
  const options = { extIdField: 'External_Id__c', concurrencyMode: 'Serial' };
  const job = connection.bulk.createJob('Account', 'upsert', options);
  const batch = job.createBatch();
  batch.execute([{ External_Id__c: 'c-1', Name: 'one' }]);
  const queued = await new Promise((resolve, reject) => {
    batch.once('queue', resolve);
    batch.once('error', reject);
  });
  batch.poll(20, 10_000);
  const [result] = await batch;
  const listed = await job.list();
  const { numberRecordsProcessed, concurrencyMode } = await job.check();
  const closed = await job.close();

  assert.equal(queued.state, 'Queued');
  assert.deepEqual([result.success, result.created], [true, true]);
  assert.deepEqual(listed.map((one) => one.state), ['Completed']);
  assert.deepEqual([numberRecordsProcessed, concurrencyMode, closed.state], ['1', 'Serial', 'Closed']);
});

test('version 1 refuses a wrong job by its own code', async () => {
  const job = connection.bulk.createJob('Nothing', 'insert');

  await assert.rejects(job.open(), { errorCode: 'InvalidEntity' });
});
