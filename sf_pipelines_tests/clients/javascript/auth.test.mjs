// jsforce logs in by every flow that it has.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import jsforce from 'jsforce';
import { VERSION, connect, jwtAssertion, oauth2, org, stranger } from './support.mjs';

const isDead = { errorCode: 'INVALID_SESSION_ID' };
const password = org.password + org.security_token;

test('SOAP login gives a session at the address that was called', async () => {
  const connection = stranger();
  const user = await connection.login(org.username, password);

  assert.equal(connection.instanceUrl, org.url);
  assert.match(user.id, /^005.{15}$/);
  assert.match(user.organizationId, /^00D.{15}$/);
  assert.equal((await connection.identity()).username, org.username);
});

test('SOAP login without the security token is refused', async () => {
  await assert.rejects(stranger().login(org.username, org.password), /^Error: INVALID_LOGIN: /);
});

test('SOAP login is gone from API 65.0 on', async () => {
  const connection = new jsforce.Connection({ version: '65.0', loginUrl: org.url });

  await assert.rejects(connection.login(org.username, password), /No operation available/);
});

test('a SOAP logout ends the session', async () => {
  const connection = stranger();
  await connection.login(org.username, password);
  const { accessToken, instanceUrl } = connection;
  await connection.logout();
  const later = new jsforce.Connection({ version: VERSION, accessToken, instanceUrl });

  await assert.rejects(later.query('SELECT Id FROM Account'), isDead);
});

test('the SOAP API tells user and time', async () => {
  const connection = await connect();

  assert.equal((await connection.soap.getUserInfo()).userName, org.username);
  assert.ok(await connection.soap.getServerTimestamp());
});

test('after the end of its session the password flow logs in again', async () => {
  const connection = await connect();
  const first = connection.accessToken;
  await connection.oauth2.revokeToken(first);

  assert.equal(connection.instanceUrl, org.url);
  assert.equal((await connection.query('SELECT Id FROM Account')).totalSize, 0);
  assert.notEqual(connection.accessToken, first);
});

test('a wrong secret is told by its OAuth error', async () => {
  const connection = new jsforce.Connection({ oauth2: oauth2({ clientSecret: 'guess' }) });

  await assert.rejects(connection.login(org.username, password), { name: 'invalid_client' });
});

test('an OAuth logout revokes the token', async () => {
  const connection = await connect();
  const { accessToken, instanceUrl } = connection;
  await connection.logout();
  const later = new jsforce.Connection({ version: VERSION, accessToken, instanceUrl });

  await assert.rejects(later.query('SELECT Id FROM Account'), isDead);
});

test('client credentials and a JWT open sessions without a password', async () => {
  const grants = [
    { grant_type: 'client_credentials' },
    { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: jwtAssertion() },
  ];
  for (const grant of grants) {
    const connection = new jsforce.Connection({ version: VERSION, oauth2: oauth2() });
    await connection.authorize(grant);

    assert.equal((await connection.identity()).username, org.username);
  }
});

test('the web server flow with PKCE needs no secret, and refreshes its session', async () => {
  const redirectUri = 'http://localhost:3000/callback';
  const client = new jsforce.OAuth2(
    oauth2({ clientSecret: undefined, redirectUri, useVerifier: true }),
  );
  const page = await fetch(client.getAuthorizationUrl({ state: 'x y' }), { redirect: 'manual' });
  const callback = new URL(page.headers.get('location'));
  const connection = new jsforce.Connection({ version: VERSION, oauth2: client });
  await connection.authorize(callback.searchParams.get('code'));

  assert.equal(callback.searchParams.get('state'), 'x y');
  assert.equal((await connection.identity()).username, org.username);

  const first = connection.accessToken;
  await client.revokeToken(first);
  assert.equal((await connection.query('SELECT Id FROM Account')).totalSize, 0);
  assert.notEqual(connection.accessToken, first);
});
