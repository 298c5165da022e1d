import { describe, expect, it } from 'vitest';
import { lookAt } from '../../../functions/images/source.ts';
import { PNG } from '../../pictures.ts';
import { failureOf } from '../failure-of.ts';
import { PLAIN, startS3, VERSIONED } from '../s3.ts';

const GATEWAY = 'https://gateway.example';
/** Another picture than {@link PNG}, and more of it than is looked at. */
const OTHER_PNG = Buffer.concat([PNG, Buffer.alloc(10_000, 'x')]);

describe('looking at an object', () => {
  it('tells a picture by its bytes, whatever its name says, and how large it is', async () => {
    const { s3, client } = await startS3();
    const { etag } = s3.put(PLAIN, 'cat.txt', OTHER_PNG, 'text/plain');

    expect(await lookAt(client, { bucket: PLAIN, key: 'cat.txt' }, GATEWAY)).toEqual({
      source: { bucket: PLAIN, key: 'cat.txt', versionId: undefined, etag },
      contentType: 'image/png',
      size: OTHER_PNG.length,
      uploadedAt: expect.any(Date),
    });
  });

  it('reads the metadata of the version that it pins', async () => {
    const { s3, client } = await startS3();
    const older = s3.put(VERSIONED, 'cat.png', PNG, 'image/png', { sku: 'cup' });
    expect(await lookAt(client, { bucket: VERSIONED, key: 'cat.png' }, GATEWAY)).toMatchObject({
      source: { versionId: older.versionId },
      metadata: { sku: 'cup' },
    });
    s3.delete(VERSIONED, 'cat.png');
    const source = { bucket: VERSIONED, key: 'cat.png', ...older };
    expect(await lookAt(client, source, GATEWAY)).toMatchObject({ source, metadata: { sku: 'cup' } });
  });

  it('pins the version and the ETag that it saw', async () => {
    const { s3, client } = await startS3();
    const source = { bucket: VERSIONED, key: 'cat.png' };
    const { etag, versionId } = s3.put(VERSIONED, 'cat.png', PNG);

    expect(versionId).toBeDefined();
    for (const asked of [source, { ...source, versionId }, { ...source, versionId, etag }]) {
      expect(await lookAt(client, asked, GATEWAY)).toMatchObject({ source: { ...source, versionId, etag } });
    }
  });

  it('reads no more than the first bytes of it', async () => {
    const { s3, client, requests } = await startS3();
    s3.put(PLAIN, 'cat.png', Buffer.concat([PNG, Buffer.alloc(5_000_000)]));
    await lookAt(client, { bucket: PLAIN, key: 'cat.png' }, GATEWAY);

    expect(requests.map(({ operation }) => operation)).toEqual(['GetObject']);
  });

  it('finds keys of every kind', async () => {
    const { s3, client } = await startS3();
    for (const key of ['猫 & co/+ä%20.png', '/leading', 'a//b', 'trailing.', '...', 'a/..b/c..', 'a?b#c']) {
      s3.put(PLAIN, key, PNG);
      expect(await lookAt(client, { bucket: PLAIN, key }, GATEWAY)).toMatchObject({ source: { key } });
    }
  });

  it.each([
    ['InvalidObjectState', 'ImageArchived', 'is archived. Restore the object'],
    ['InvalidRequest', 'ImageUnreadable', 'S3 cannot decrypt'],
    ['KMS.DisabledException', 'ImageUnreadable', '(KMS.DisabledException)'],
    ['KMS.KMSInvalidStateException', 'ImageUnreadable', 'Enable its KMS key'],
  ])('fails at once where S3 answers %s: as %s', async (code, name, said) => {
    const { s3, client } = await startS3();
    s3.put(PLAIN, 'cat.png', PNG);
    s3.onRequest = () => ({ status: code === 'InvalidObjectState' ? 403 : 400, code });
    const error = await failureOf(lookAt(client, { bucket: PLAIN, key: 'cat.png' }, GATEWAY));
    expect(error.name).toBe(name);
    expect(error.message).toContain(said);
  });

  it('refuses an empty object', async () => {
    const { s3, client } = await startS3();
    for (const bucket of [PLAIN, VERSIONED]) {
      s3.put(bucket, 'cat.png', Buffer.alloc(0));
      const error = await failureOf(lookAt(client, { bucket, key: 'cat.png' }, GATEWAY));
      expect(error).toMatchObject({ name: 'NotAnImage' });
      expect(error.message).toContain(`s3://${bucket}/cat.png is empty`);
    }
  });

  it.each([
    ['a text', Buffer.from('Dear Sir or Madam,')],
    ['a web page', Buffer.from('<!doctype html><title>Cat</title>')],
    ['a PDF', Buffer.from('%PDF-1.7\n')],
    ['one byte', Buffer.from([0x89])],
    ['a picture behind a byte order mark', Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), PNG])],
    ['a picture behind an ID3 tag', Buffer.concat([Buffer.from('ID3\x04\0\0\0\0\0\0'), PNG])],
  ])('refuses %s that is named like a picture', async (_what, body) => {
    const { s3, client } = await startS3();
    s3.put(PLAIN, 'cat.jpg', body, 'image/jpeg');

    expect(await failureOf(lookAt(client, { bucket: PLAIN, key: 'cat.jpg' }, GATEWAY))).toMatchObject({
      name: 'NotAnImage',
    });
  });

  it('does not find what is not there', async () => {
    const { s3, client } = await startS3();
    for (const bucket of [PLAIN, VERSIONED]) {
      s3.put(bucket, 'gone.png', PNG);
      s3.delete(bucket, 'gone.png');
      for (const key of ['never.png', 'gone.png']) {
        const error = await failureOf(lookAt(client, { bucket, key }, GATEWAY));
        expect(error).toMatchObject({ name: 'ImageNotFound' });
        expect(error.message).toContain(`There is no object s3://${bucket}/${key}`);
      }
    }
  });

  it('does not find a version that is not there', async () => {
    const { s3, client } = await startS3();
    const { versionId } = s3.put(VERSIONED, 'other.png', PNG);
    const source = { bucket: VERSIONED, key: 'cat.png', versionId };

    expect(await failureOf(lookAt(client, source, GATEWAY))).toMatchObject({ name: 'ImageNotFound' });
  });

  it('takes a version for gone that S3 forbids, but only where the bucket itself can be read', async () => {
    const { s3, client } = await startS3();
    const { versionId } = s3.put(VERSIONED, 'cat.png', PNG);
    const forbidden = { status: 403, code: 'AccessDenied' };
    const source = { bucket: VERSIONED, key: 'cat.png', versionId };
    s3.delete(VERSIONED, 'cat.png', versionId);
    s3.onRequest = (request) => (request.versionId === undefined ? undefined : forbidden);
    expect(await failureOf(lookAt(client, source, GATEWAY))).toMatchObject({ name: 'ImageNotFound' });

    s3.onRequest = () => forbidden;
    expect(await failureOf(lookAt(client, source, GATEWAY))).toMatchObject({ name: 'AccessDenied' });
  });

  it('says SUPERSEDED if another version has come since', async () => {
    const { s3, client } = await startS3();
    const { versionId, etag } = s3.put(VERSIONED, 'cat.png', PNG);
    const source = { bucket: VERSIONED, key: 'cat.png', versionId, etag };

    s3.put(VERSIONED, 'cat.png', OTHER_PNG);
    expect(await lookAt(client, source, GATEWAY)).toBe('SUPERSEDED');
    expect(await lookAt(client, { ...source, versionId: undefined }, GATEWAY)).toBe('SUPERSEDED');
  });

  it('says SUPERSEDED if its version was deleted for good, and an older one is current again', async () => {
    const { s3, client } = await startS3();
    s3.put(VERSIONED, 'cat.png', PNG);
    const { versionId, etag } = s3.put(VERSIONED, 'cat.png', OTHER_PNG);
    s3.delete(VERSIONED, 'cat.png', versionId);
    const source = { bucket: VERSIONED, key: 'cat.png', versionId, etag };
    expect(await lookAt(client, source, GATEWAY)).toBe('SUPERSEDED');
  });

  it('says SUPERSEDED also if the newer version has the same bytes: it has an execution of its own', async () => {
    const { s3, client } = await startS3();
    const { versionId, etag } = s3.put(VERSIONED, 'cat.png', PNG);
    s3.put(VERSIONED, 'cat.png', PNG);

    expect(await lookAt(client, { bucket: VERSIONED, key: 'cat.png', versionId, etag }, GATEWAY)).toBe('SUPERSEDED');
  });

  it('says SUPERSEDED without versioning if other bytes have come since', async () => {
    const { s3, client } = await startS3();
    const { etag } = s3.put(PLAIN, 'cat.png', PNG);
    const source = { bucket: PLAIN, key: 'cat.png', etag };

    expect(await lookAt(client, source, GATEWAY)).toMatchObject({ source });
    s3.put(PLAIN, 'cat.png', OTHER_PNG);
    expect(await lookAt(client, source, GATEWAY)).toBe('SUPERSEDED');
  });

  it('says SUPERSEDED even if what has come since is no picture', async () => {
    const { s3, client } = await startS3();
    const { etag } = s3.put(PLAIN, 'cat.png', PNG);
    s3.put(PLAIN, 'cat.png', Buffer.alloc(0));

    expect(await lookAt(client, { bucket: PLAIN, key: 'cat.png', etag }, GATEWAY)).toBe('SUPERSEDED');
  });

  it('takes an object without a version for the version "null"', async () => {
    const { s3, client } = await startS3();
    s3.put(PLAIN, 'cat.png', PNG);

    expect(await lookAt(client, { bucket: PLAIN, key: 'cat.png', versionId: 'null' }, GATEWAY)).toMatchObject({
      contentType: 'image/png',
    });
  });

  it('takes the uploaded version of an object that was deleted since', async () => {
    const { s3, client } = await startS3();
    const { versionId, etag } = s3.put(VERSIONED, 'cat.png', OTHER_PNG);
    s3.delete(VERSIONED, 'cat.png');

    expect(await lookAt(client, { bucket: VERSIONED, key: 'cat.png', versionId, etag }, GATEWAY)).toEqual({
      source: { bucket: VERSIONED, key: 'cat.png', versionId, etag },
      contentType: 'image/png',
      size: OTHER_PNG.length,
      uploadedAt: expect.any(Date),
    });
  });

  it.each(['no-such-version', ''])('finds nothing for a deleted object and the version %j', async (versionId) => {
    const { s3, client } = await startS3();
    s3.put(VERSIONED, 'cat.png', PNG);
    s3.delete(VERSIONED, 'cat.png');
    const marker = s3.versions(VERSIONED, 'cat.png').find(({ deleteMarker }) => deleteMarker)?.versionId;
    const source = { bucket: VERSIONED, key: 'cat.png', versionId: versionId || marker };
    expect(await failureOf(lookAt(client, source, GATEWAY))).toMatchObject({ name: 'ImageNotFound' });
  });

  it.each(['..', 'photos/../cat.png', './cat.png', 'photos/.', 'a/./b'])(
    'refuses the key %s, which no URL can lead to',
    async (key) => {
      const { client, requests } = await startS3();
      const error = await failureOf(lookAt(client, { bucket: PLAIN, key }, GATEWAY));

      expect(error).toMatchObject({ name: 'InvalidInput' });
      expect(error.message).toContain('rename it');
      expect(requests).toEqual([]);
    },
  );

  it('does not take a refusal of S3 for a missing object', async () => {
    const { s3, client } = await startS3();
    s3.put(PLAIN, 'cat.png', PNG);
    s3.onRequest = () => ({ status: 403, code: 'AccessDenied' });

    const error = await failureOf(lookAt(client, { bucket: PLAIN, key: 'cat.png' }, GATEWAY));
    expect(error.name).toBe('AccessDenied');
  });
});
