import {
  GetBucketNotificationConfigurationCommand,
  HeadObjectCommand,
  type NotificationConfiguration,
  PutBucketNotificationConfigurationCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LocalS3, type ObjectCreated } from '../../local/s3.ts';
import { clientOf, fails, MB, PLAIN, put, startS3, VERSIONED } from './s3/rig.ts';

describe('events', () => {
  it('come once the object is visible, each sequencer greater than the last', async () => {
    const seen: (string | undefined)[] = [];
    const events: ObjectCreated[] = [];
    const s3 = await LocalS3.start({
      buckets: { [VERSIONED]: { versioned: true } },
      credentials: {},
      onObjectCreated: (event) => {
        events.push(event);
        seen.push(s3.get(event.bucket, event.key, event.versionId)?.body.toString());
      },
    });
    onTestFinished(() => s3.close());
    for (let i = 0; i < 20; i++) s3.put(VERSIONED, 'a', Buffer.from(`${i}`));
    expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`));
    const sequencers = events.map(({ sequencer }) => sequencer);
    expect(sequencers.toSorted()).toEqual(sequencers);
    expect(new Set(sequencers).size).toBe(20);
    for (const sequencer of sequencers) expect(sequencer).toMatch(/^[0-9A-F]{20}$/);
  });

  it('come or stay away as the configuration of the bucket says', async () => {
    const { client, s3, events } = await startS3();
    const configuration = () => client.send(new GetBucketNotificationConfigurationCommand({ Bucket: PLAIN }));
    const configure = (NotificationConfiguration: NotificationConfiguration) =>
      client.send(new PutBucketNotificationConfigurationCommand({ Bucket: PLAIN, NotificationConfiguration }));
    expect(await configuration()).toMatchObject({ EventBridgeConfiguration: {} });
    await configure({});
    expect((await configuration()).EventBridgeConfiguration).toBeUndefined();
    s3.put(PLAIN, 'silent', Buffer.from('x'));
    await configure({ EventBridgeConfiguration: {} });
    s3.put(PLAIN, 'announced', Buffer.from('x'));
    expect(events.map(({ key }) => key)).toEqual(['announced']);
  });
});

describe('faults', () => {
  it('answer with an error that the client takes for one of S3', async () => {
    const { s3, requests } = await startS3();
    const client = clientOf(s3, { maxAttempts: 1 });
    s3.onRequest = ({ operation }) =>
      operation === 'PutObject' ? { status: 503, code: 'SlowDown', headers: { 'retry-after': '1' } } : undefined;
    await expect(put(client, PLAIN, 'a', 'x')).rejects.toMatchObject(fails(503, 'SlowDown'));
    await expect(put(client, PLAIN, 'a', Buffer.alloc(10 * MB))).rejects.toMatchObject(fails(503, 'SlowDown'));
    await expect(client.send(new HeadObjectCommand({ Bucket: PLAIN, Key: 'a' }))).rejects.toMatchObject(
      fails(404, 'NotFound'),
    );
    s3.onRequest = undefined;
    await put(client, PLAIN, 'a', 'x');
    expect(requests).toEqual([]);
  });

  it('cut the connection, which the client survives by trying again', async () => {
    const { s3, client } = await startS3();
    let cuts = 0;
    s3.onRequest = () => (cuts++ === 0 ? 'reset' : undefined);
    await put(client, PLAIN, 'a', 'x');
    expect([cuts, s3.list(PLAIN)]).toEqual([2, ['a']]);
    s3.onRequest = () => 'reset';
    await expect(put(clientOf(s3, { maxAttempts: 1 }), PLAIN, 'b', 'x')).rejects.toMatchObject({ code: 'ECONNRESET' });
  });
});
