// jsforce asks for aggregates, relatives, deleted rows, changed rows and limits.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { connect } from './support.mjs';

const HOUR_MS = 3_600_000;
let connection;
let deletedId;

before(async () => {
  connection = await connect();
  const staff = [['Energy', 5], ['Energy', 7], ['Media', 1], ['Media', 2], ['Retail', 9]];
  const rows = staff.map(([Industry, NumberOfEmployees], n) => ({ Name: `n${n}`, Industry, NumberOfEmployees }));
  const accounts = await connection.sobject('Account').create(rows);
  const contacts = [1, 2].map((n) => ({ LastName: `c${n}`, AccountId: accounts[0].id }));
  await connection.sobject('Contact').create(contacts);
  deletedId = accounts[4].id;
  await connection.sobject('Account').destroy(deletedId);
});

test('aggregates are grouped, and filtered by group', async () => {
  const found = await connection.query(
    'SELECT Industry, COUNT(Id) many, SUM(NumberOfEmployees) FROM Account ' +
      'GROUP BY Industry HAVING SUM(NumberOfEmployees) > 3 ORDER BY Industry',
  );

  assert.equal(found.totalSize, 1);
  assert.deepEqual(found.records, [
    { attributes: { type: 'AggregateResult' }, Industry: 'Energy', many: 2, expr0: 12 },
  ]);
  assert.equal((await connection.query('SELECT COUNT() FROM Account')).totalSize, 4);
  assert.equal(await connection.sobject('Account').count({ Industry: 'Media' }), 2);
});

test('children come with their parent, as a query of their own', async () => {
  const accounts = await connection
    .sobject('Account')
    .find({}, 'Name')
    .include('Contacts')
    .select('LastName')
    .orderby('LastName', 'DESC')
    .end()
    .sort('Name')
    .limit(2);
  const [contact] = await connection.sobject('Contact').find({ LastName: 'c1' }, 'Account.Name');

  assert.deepEqual(accounts[0].Contacts.records.map((row) => row.LastName), ['c2', 'c1']);
  assert.equal(accounts[1].Contacts, null);
  assert.equal(contact.Account.Name, 'n0');
});

test('deleted rows are found when all are scanned', async () => {
  const soql = 'SELECT Id FROM Account WHERE IsDeleted = true';
  const live = await connection.query(soql);
  const all = await connection.query(soql, { scanAll: true });

  assert.equal(live.totalSize, 0);
  assert.deepEqual(all.records.map((row) => row.Id), [deletedId]);
});

test('updated and deleted ids of a window are told', async () => {
  const [start, end] = [-HOUR_MS, HOUR_MS].map((shift) => new Date(Date.now() + shift).toISOString());
  const updated = await connection.sobject('Account').updated(start, end);
  const deleted = await connection.sobject('Account').deleted(start, end);

  assert.equal(updated.ids.length, 4);
  assert.ok(updated.latestDateCovered);
  assert.deepEqual(deleted.deletedRecords.map((row) => row.id), [deletedId]);
});

test('limits count down with each call, and each answer tells the usage', async () => {
  const first = await connection.limits();
  const second = await connection.limits();
  const { Max, Remaining } = second.DailyApiRequests;

  assert.equal(first.DailyApiRequests.Remaining - Remaining, 1);
  assert.deepEqual(connection.limitInfo.apiUsage, { used: Max - Remaining, limit: Max });
});
