// Change events over CometD: jsforce's own streaming client (Faye) with its replay extension.
import assert from 'node:assert/strict';
import test from 'node:test';
import { StreamingExtension } from 'jsforce/lib/api/streaming.js';
import { connect } from './support.mjs';

const CHANNEL = '/data/ChangeEvents';

/** A Faye client that replays from a place, and the messages that it gets. */
function listen(connection, replay) {
  const client = connection.streaming.createClient([new StreamingExtension.Replay(CHANNEL, replay)]);
  const messages = [];
  let wake = () => {};
  const subscription = client.subscribe(CHANNEL, (message) => {
    messages.push(message);
    wake();
  });
  const until = async (count) => {
    while (messages.length < count) await new Promise((resolve) => (wake = resolve));
    return messages;
  };
  return { client, subscription, until };
}

test('changes are told in order, and again from a replay id', async () => {
  const connection = await connect();
  const account = await connection.sobject('Account').create({ Name: 'Acme', Industry: 'Energy' });
  await connection.sobject('Account').update({ Id: account.id, Industry: null, BillingCity: 'Bern' });

  const first = listen(connection, -2);
  const [created, updated] = await first.until(2);
  assert.equal(created.payload.Name, 'Acme');
  assert.deepEqual(created.payload.ChangeEventHeader.recordIds, [account.id]);
  assert.match(created.payload.ChangeEventHeader.changeOrigin, /^com\/salesforce\/api\/rest\/62\.0/);
  assert.deepEqual(updated.payload.BillingAddress, { City: 'Bern' });
  assert.equal(updated.payload.Industry, null);

  await connection.sobject('Account').delete(account.id);
  const deleted = (await first.until(3))[2];
  assert.equal(deleted.payload.ChangeEventHeader.changeType, 'DELETE');
  first.client.disconnect();

  const again = listen(connection, created.event.replayId);
  const [next] = await again.until(2);
  assert.equal(next.event.replayId, updated.event.replayId);
  again.client.disconnect();
});

test('a replay id of nowhere is refused in the documented words', async () => {
  const connection = await connect();
  const stream = listen(connection, 987654321);
  await assert.rejects(
    new Promise((resolve, reject) => stream.subscription.then(resolve, reject)),
    /The replayId \{987654321\} you provided was invalid/,
  );
  stream.client.disconnect();
});
