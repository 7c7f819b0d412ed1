// jsforce when things go wrong: ended sessions, and faults of the control plane.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import jsforce from 'jsforce';
import { VERSION, connect, control, oauth2 } from './support.mjs';

const SOQL = 'SELECT Id FROM Account';
// longer than a session lasts
const A_DAY_SECONDS = 86_400;
// the client waits before it asks again; the default of half a second is for real orgs
const AT_ONCE = { retry: { minTimeout: 1 } };

after(() => control('clock', { set: new Date().toISOString() }));

/** A connection that knows a session only, and where to ask for the next one. */
async function connectionWithRefresh() {
  const { accessToken, instanceUrl } = await connect();
  const refreshes = [];
  const refreshFn = async (_, done) => {
    const client = new jsforce.OAuth2(oauth2());
    const { access_token } = await client.requestToken({ grant_type: 'client_credentials' });
    refreshes.push(access_token);
    done(null, access_token);
  };
  const connection = new jsforce.Connection({ version: VERSION, accessToken, instanceUrl, refreshFn });
  return { connection, refreshes };
}

async function statuses() {
  const { calls } = await control('calls', undefined, 'GET');
  return calls.map((call) => call.status);
}

test('an ended session is refreshed once for all calls under way', async () => {
  const { connection, refreshes } = await connectionWithRefresh();
  await control('clock', { advance_seconds: A_DAY_SECONDS });
  const answers = await Promise.all([1, 2, 3].map(() => connection.query(SOQL)));

  assert.deepEqual(answers.map((one) => one.totalSize), [0, 0, 0]);
  assert.deepEqual(refreshes, [connection.accessToken]);
});

test('the Bulk API refreshes an ended session too, in both versions', async () => {
  const row = { LastName: 'Late', Company: 'Late' };
  for (const version of ['bulk', 'bulk2']) {
    const { connection, refreshes } = await connectionWithRefresh();
    connection[version].pollInterval = 20;
    await control('clock', { advance_seconds: A_DAY_SECONDS });
    if (version === 'bulk') await connection.bulk.load('Lead', 'insert', [row]);
    else await connection.bulk2.loadAndWaitForResults({ object: 'Lead', operation: 'insert', input: [row] });

    assert.equal(refreshes.length, 1, version);
  }
});

test('a session that ends in the middle of a Bulk job is refreshed', async () => {
  for (const [version, path] of [['bulk', '*/services/async/*'], ['bulk2', '*/jobs/ingest/*']]) {
    const { connection, refreshes } = await connectionWithRefresh();
    connection[version].pollInterval = 20;
    await control('faults', { kind: 'session_expired', method: 'GET', path, first: 1 });
    const rows = [{ LastName: 'Middle', Company: 'Middle' }];
    if (version === 'bulk') await connection.bulk.load('Lead', 'insert', rows);
    else await connection.bulk2.loadAndWaitForResults({ object: 'Lead', operation: 'insert', input: rows });

    assert.equal(refreshes.length, 1, version);
  }
});

test('without a way to refresh, an ended session is told', async () => {
  const { accessToken, instanceUrl } = await connect();
  await control('clock', { advance_seconds: A_DAY_SECONDS });
  const connection = new jsforce.Connection({ version: VERSION, accessToken, instanceUrl });

  await assert.rejects(connection.query(SOQL), { errorCode: 'INVALID_SESSION_ID' });
});

test('a 503 is asked again by GET, and told by POST', async () => {
  const connection = await connect();
  await control('calls', undefined, 'DELETE');
  await control('faults', { kind: 'status', status: 503, method: 'GET', first: 2 });
  await control('faults', { kind: 'status', status: 503, method: 'POST', first: 1 });
  const url = `${connection.instanceUrl}/services/data/v${VERSION}/limits`;
  const limits = await connection.request({ method: 'GET', url }, AT_ONCE);

  assert.ok(limits.DailyApiRequests);
  assert.deepEqual(await statuses(), [503, 503, 200]);
  const create = () => connection.sobject('Account').create({ Name: 'a' });
  await assert.rejects(create(), { errorCode: 'SERVER_UNAVAILABLE' });
  assert.equal((await create()).success, true);
});

test('an HTML page of a broken org is told as such', async () => {
  const connection = await connect();
  await control('faults', { kind: 'status', status: 503, html: true, method: 'POST', first: 1 });

  await assert.rejects(connection.sobject('Account').create({ Name: 'a' }), {
    errorCode: 'ERROR_HTTP_503',
  });
});

test('a locked row is refused alone, and taken later', async () => {
  const accounts = (await connect()).sobject('Account');
  await control('faults', { kind: 'rows_fail', code: 'UNABLE_TO_LOCK_ROW', rows: 1, nth: 1 });
  const rows = [{ Name: 'locked' }, { Name: 'free' }];
  const results = await accounts.create(rows);

  assert.deepEqual(results.map((one) => one.success), [false, true]);
  assert.equal(results[0].errors[0].statusCode, 'UNABLE_TO_LOCK_ROW');
  assert.equal((await accounts.create(rows[0])).success, true);
});

test('a locked row of a Bulk job is in its failed results', async () => {
  const connection = await connect();
  connection.bulk2.pollInterval = 20;
  await control('faults', { kind: 'job_rows_fail', code: 'UNABLE_TO_LOCK_ROW', rows: 1, nth: 1 });
  const input = [{ Name: 'locked' }, { Name: 'free' }];
  const results = await connection.bulk2.loadAndWaitForResults({ object: 'Account', operation: 'insert', input });

  assert.match(results.failedResults[0].sf__Error, /^UNABLE_TO_LOCK_ROW:unable to obtain exclusive access/);
  assert.equal(results.successfulResults.length, 1);
});

// the last one, since nothing can be called after it
test('a spent quota refuses the call', async () => {
  const connection = await connect();
  await control('limits', { DailyApiRequests: { used: 10, max: 10 } });

  await assert.rejects(connection.query(SOQL), { errorCode: 'REQUEST_LIMIT_EXCEEDED' });
});
