import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { CopyObjectCommand, DeleteObjectsCommand, GetObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { describe, expect, it } from 'vitest';
import { fails, PLAIN, put, read, startS3, VERSIONED } from './rig.ts';

/** Sends a URL as it is; `fetch` would resolve `..` in its path. */
async function rawGet(url: string): Promise<{ status: number; body: string }> {
  const [, host = '', port = '', path = ''] = /^http:\/\/([^:]+):(\d+)(.*)$/s.exec(url) ?? [];
  const [response] = await once(httpRequest({ host, port, path }).end(), 'response');
  let body = '';
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode, body };
}

const AWKWARD_KEYS = [
  'photos/cat.jpg',
  'a b  c.jpg',
  'a+b&c=d?e#f.jpg',
  '100%25.jpg',
  '%2F%2e%2E.jpg',
  "it's (1)!*~.jpg",
  'Ünïcödé/日本語/🐈.jpg',
  'double//slash///end/',
  '/leading.jpg',
  'up/../../other/./x.jpg',
  '..',
  '.',
  `<&>"';\\^\`{|}[]@:,$.jpg`,
  'tab\tand\nnewline\r.jpg',
  'null\u0001control\u007f.jpg',
  'é'.repeat(512),
];

describe('keys', () => {
  it.each(AWKWARD_KEYS)('round-trips the key %j', async (key) => {
    const { s3, events, client } = await startS3();
    await put(client, VERSIONED, key, key);
    expect(events).toMatchObject([{ bucket: VERSIONED, key, size: Buffer.byteLength(key), reason: 'PutObject' }]);
    expect(s3.list(VERSIONED)).toEqual([key]);
    expect(await read(client, { Bucket: VERSIONED, Key: key })).toBe(key);

    const url = await getSignedUrl(client, new GetObjectCommand({ Bucket: VERSIONED, Key: key }));
    expect(await rawGet(url)).toEqual({ status: 200, body: key });
    if (!key.split('/').some((segment) => /^\.{1,2}$/.test(segment))) {
      expect(await (await fetch(url)).text()).toBe(key);
    }
    const copy = { Bucket: PLAIN, Key: key, CopySource: `${VERSIONED}/${encodeURIComponent(key)}` };
    await client.send(new CopyObjectCommand(copy));
    expect(s3.get(PLAIN, key)?.body.toString()).toBe(key);

    const deleted = await client.send(
      new DeleteObjectsCommand({ Bucket: VERSIONED, Delete: { Objects: [{ Key: key }] } }),
    );
    expect(deleted.Errors).toBeUndefined();
    expect(s3.list(VERSIONED)).toEqual([]);
  });

  it('refuses a key of more than 1,024 bytes', async () => {
    const { client, events } = await startS3();
    await expect(put(client, PLAIN, `${'é'.repeat(512)}x`, 'x')).rejects.toMatchObject(fails(400, 'KeyTooLongError'));
    expect(events).toEqual([]);
  });
});
