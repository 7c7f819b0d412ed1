// What the scenarios share: the org under test, as the environment tells it.
import { createSign } from 'node:crypto';
import jsforce from 'jsforce';

export const org = JSON.parse(process.env.EMULATOR_ORG);
export const VERSION = '62.0';

export function oauth2(more = {}) {
  return { loginUrl: org.url, clientId: org.client_id, clientSecret: org.client_secret, ...more };
}

/** A connection of the OAuth username-password flow, logged in. */
export async function connect() {
  const connection = new jsforce.Connection({ version: VERSION, oauth2: oauth2() });
  await connection.login(org.username, org.password + org.security_token);
  return connection;
}

/** A connection that is not logged in, for SOAP login. */
export function stranger() {
  return new jsforce.Connection({ version: VERSION, loginUrl: org.url });
}

export function jwtAssertion() {
  const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const claims = {
    iss: org.client_id,
    sub: org.username,
    aud: 'https://login.salesforce.com',
    exp: Math.floor(Date.now() / 1000) + 120,
  };
  const text = `${encode({ alg: 'RS256' })}.${encode(claims)}`;
  const signature = createSign('RSA-SHA256').update(text).sign(process.env.JWT_PRIVATE_KEY);
  return `${text}.${signature.toString('base64url')}`;
}

/** Calls the org's control plane, as any program can. */
export async function control(resource, facts, method = 'POST') {
  const answer = await fetch(`${org.url}/emulator/${resource}`, {
    method,
    body: facts && JSON.stringify(facts),
  });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}
