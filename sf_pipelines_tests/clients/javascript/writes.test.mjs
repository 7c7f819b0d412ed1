// jsforce writes by Composite and Collections, and meets the org's rules.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { VERSION, connect } from './support.mjs';

const DATA = `/services/data/v${VERSION}`;
let connection;
before(async () => {
  connection = await connect();
});

function composite(allOrNone, ...requests) {
  const nodes = requests.map(([referenceId, method, path, body]) => ({
    referenceId,
    method,
    url: `${DATA}/${path}`,
    body,
  }));
  return connection.requestPost('/composite', { allOrNone, compositeRequest: nodes });
}

async function accountsNamed(Name) {
  return connection.sobject('Account').count({ Name });
}

test('a composite refers to its own answers', async () => {
  const { compositeResponse } = await composite(
    true,
    ['account', 'POST', 'sobjects/Account', { Name: 'Referred' }],
    ['contact', 'POST', 'sobjects/Contact', { LastName: 'Ann', AccountId: '@{account.id}' }],
    ['found', 'GET', 'sobjects/Contact/@{contact.id}?fields=AccountId'],
  );

  assert.deepEqual(compositeResponse.map((one) => one.httpStatusCode), [201, 201, 200]);
  assert.equal(compositeResponse[2].body.AccountId, compositeResponse[0].body.id);
});

test('an all-or-none composite is rolled back as a whole', async () => {
  const { compositeResponse } = await composite(
    true,
    ['good', 'POST', 'sobjects/Account', { Name: 'Rolled back' }],
    ['bad', 'POST', 'sobjects/Contact', { AccountId: '@{good.id}' }],
  );

  assert.deepEqual(
    compositeResponse.map((one) => one.body[0].errorCode),
    ['PROCESSING_HALTED', 'REQUIRED_FIELD_MISSING'],
  );
  assert.equal(await accountsNamed('Rolled back'), 0);
});

test('an all-or-none collection is rolled back row by row', async () => {
  const rows = [{ Name: 'Not alone' }, { Name: '' }];
  const results = await connection.sobject('Account').create(rows, { allOrNone: true });

  assert.deepEqual(
    results.map((one) => one.errors[0].statusCode),
    ['ALL_OR_NONE_OPERATION_ROLLED_BACK', 'REQUIRED_FIELD_MISSING'],
  );
  assert.equal(await accountsNamed('Not alone'), 0);
});

test('collections are upserted, updated, read and deleted, each row with its result', async () => {
  const accounts = connection.sobject('Account');
  const keyed = ['k-1', 'k-2'].map((key) => ({ Name: key, External_Id__c: key }));
  const first = await accounts.upsert(keyed, 'External_Id__c');
  const again = await accounts.upsert(keyed, 'External_Id__c');
  const ids = first.map((one) => one.id);
  const gone = '001000000000000AAA';
  const updated = await accounts.update([{ Id: ids[0], Name: 'new' }, { Id: gone, Name: 'none' }]);
  const rows = await accounts.retrieve(ids);
  const deleted = await accounts.destroy(ids);

  assert.deepEqual(first.map((one) => one.created), [true, true]);
  assert.deepEqual(again.map((one) => one.created), [false, false]);
  assert.deepEqual(updated.map((one) => one.success), [true, false]);
  assert.deepEqual(rows.map((row) => row.Name), ['new', 'k-2']);
  assert.deepEqual(deleted.map((one) => one.success), [true, true]);
});

test('a graph and a tree are written in one call each', async () => {
  const node = { referenceId: 'a', method: 'POST', url: `${DATA}/sobjects/Account`, body: { Name: 'g' } };
  const { graphs } = await connection.requestPost('/composite/graph', {
    graphs: [{ graphId: '1', compositeRequest: [node] }],
  });
  const leaf = { attributes: { type: 'Contact', referenceId: 'c' }, LastName: 'leaf' };
  const root = { attributes: { type: 'Account', referenceId: 'r' }, Name: 'tree' };
  const tree = await connection.requestPost('/composite/tree/Account', {
    records: [{ ...root, Contacts: { records: [leaf] } }],
  });

  assert.equal(graphs[0].isSuccessful, true);
  assert.deepEqual(tree.results.map((one) => one.referenceId), ['r', 'c']);
});

test('a validation rule speaks with its text and field', async () => {
  await assert.rejects(connection.sobject('Account').create({ Name: 'a', AnnualRevenue: -1 }), {
    errorCode: 'FIELD_CUSTOM_VALIDATION_EXCEPTION',
    message: 'Revenue is positive.',
  });
});

test('a duplicate is named, and may be saved all the same', async () => {
  const contacts = connection.sobject('Contact');
  const row = { LastName: 'Twin', Email: 'twin@example.com' };
  const first = await contacts.create(row);
  const refusal = await contacts.create(row).catch((error) => error);
  const headers = { 'Sforce-Duplicate-Rule-Header': 'allowSave=true' };

  assert.equal(refusal.errorCode, 'DUPLICATES_DETECTED');
  const { duplicateRule, matchResults } = refusal.data.duplicateResult;
  assert.equal(duplicateRule, 'Same_Email');
  assert.equal(matchResults[0].matchRecords[0].record.Id, first.id);
  assert.equal((await contacts.create(row, { headers })).success, true);
});
