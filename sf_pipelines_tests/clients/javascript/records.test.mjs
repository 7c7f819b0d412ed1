// jsforce describes, writes, reads and pages through rows.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { connect } from './support.mjs';

let connection;
before(async () => {
  connection = await connect();
});

test('describe tells objects and fields', async () => {
  const all = await connection.describeGlobal();
  const account = await connection.describe('Account');

  assert.ok(all.sobjects.some((one) => one.name === 'Account'));
  assert.equal(account.fields.find((one) => one.name === 'Name').type, 'string');
  assert.equal((await connection.describe$('Account')).name, 'Account');
});

test('a row is created, read, updated and deleted', async () => {
  const accounts = connection.sobject('Account');
  const created = await accounts.create({ Name: 'Acme', NumberOfEmployees: 12 });
  await accounts.update({ Id: created.id, Industry: 'Energy' });
  const row = await accounts.retrieve(created.id);
  await accounts.destroy(created.id);

  assert.equal(created.success, true);
  assert.deepEqual([row.Name, row.NumberOfEmployees, row.Industry], ['Acme', 12, 'Energy']);
  await assert.rejects(accounts.retrieve(created.id), { errorCode: 'ENTITY_IS_DELETED' });
});

test('many rows are written in one call, each with its own result', async () => {
  const results = await connection
    .sobject('Contact')
    .create([{ LastName: 'One' }, { FirstName: 'Nobody' }, { LastName: 'Three' }]);

  assert.deepEqual(results.map((one) => one.success), [true, false, true]);
  assert.equal(results[1].errors[0].statusCode, 'REQUIRED_FIELD_MISSING');
});

test('an upsert by external id creates, then updates', async () => {
  const accounts = connection.sobject('Account');
  const first = await accounts.upsert({ External_Id__c: 'js-1', Name: 'First' }, 'External_Id__c');
  const again = await accounts.upsert({ External_Id__c: 'js-1', Name: 'Again' }, 'External_Id__c');

  assert.deepEqual([first.created, again.created], [true, false]);
  assert.equal((await accounts.retrieve(again.id)).Name, 'Again');
});

test('a query is followed page by page', async () => {
  const rows = Array.from({ length: 600 }, (_, n) => ({ LastName: `Page ${n}` }));
  await connection.sobject('Lead').create(
    rows.map((row) => ({ ...row, Company: 'Pages' })),
    { allowRecursive: true },
  );
  const soql = "SELECT LastName FROM Lead WHERE Company = 'Pages'";
  const headers = { 'Sforce-Query-Options': 'batchSize=250' };
  const first = await connection.query(soql, { headers });
  const second = await connection.queryMore(first.nextRecordsUrl, { headers });
  const all = await connection.query(soql, { autoFetch: true, maxFetch: 1000, headers });

  assert.deepEqual([first.totalSize, first.records.length, first.done], [600, 250, false]);
  assert.equal(second.records.length, 250);
  assert.equal(all.records.length, 600);
});

test('a wrong query is told by its code', async () => {
  await assert.rejects(connection.query('SELECT Nope FROM Account'), { errorCode: 'INVALID_FIELD' });
});
