import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { Sha256 } from '@aws-crypto/sha256-js';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetBucketNotificationConfigurationCommand,
  GetObjectCommand,
  type GetObjectCommandInput,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  type NotificationConfiguration,
  PutBucketNotificationConfigurationCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  S3Client,
  type S3ClientConfig,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { SignatureV4 } from '@smithy/signature-v4';
import { afterEach, describe, expect, it } from 'vitest';
import { LocalS3, type ObjectCreated, type S3Request } from '../../local/s3.ts';

const MB = 1024 * 1024;
const PLAIN = 'plain';
const VERSIONED = 'versioned';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function startS3() {
  const events: ObjectCreated[] = [];
  const requests: S3Request[] = [];
  const s3 = await LocalS3.start({
    buckets: { [PLAIN]: { versioned: false }, [VERSIONED]: { versioned: true } },
    credentials: { AKIALOCAL: 'secret/with+signs' },
    onObjectCreated: (event) => events.push(event),
    onRequest: (request) => {
      requests.push(request);
    },
  });
  cleanups.push(() => s3.close());
  return { s3, events, requests, client: clientOf(s3), operations: () => requests.map(({ operation }) => operation) };
}

const ignore = () => undefined;

function clientOf(s3: LocalS3, config: S3ClientConfig = {}): S3Client {
  const client = new S3Client({
    endpoint: s3.url,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'AKIALOCAL', secretAccessKey: 'secret/with+signs' },
    // The client would warn on the console of what these tests do on purpose.
    logger: { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore },
    ...config,
  });
  cleanups.push(() => client.destroy());
  return client;
}

function put(client: S3Client, Bucket: string, Key: string, Body: string | Buffer, more: object = {}) {
  return client.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
}

async function read(client: S3Client, input: GetObjectCommandInput): Promise<string> {
  const { Body } = await client.send(new GetObjectCommand(input));
  return (await Body?.transformToString()) ?? '';
}

function chunksOf(total: number, size = 700_000): Readable {
  const parts = Array.from({ length: Math.ceil(total / size) }, (_, i) =>
    Buffer.alloc(Math.min(size, total - i * size), i + 1),
  );
  return Readable.from(parts, { objectMode: false });
}

/** Sends a URL as it is; `fetch` would resolve `..` in its path. */
async function rawGet(url: string): Promise<{ status: number; body: string }> {
  const [, host = '', port = '', path = ''] = /^http:\/\/([^:]+):(\d+)(.*)$/s.exec(url) ?? [];
  const [response] = await once(httpRequest({ host, port, path }).end(), 'response');
  let body = '';
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode, body };
}

/** Puts a body that is already framed in chunks, of which "hello world" should come, under a key named like the frame. */
async function putFramed(s3: LocalS3, kind: string, body: string, trailer: boolean): Promise<string> {
  const { hostname, port, host } = new URL(s3.url);
  const signer = new SignatureV4({
    service: 's3',
    region: 'us-east-1',
    credentials: { accessKeyId: 'AKIALOCAL', secretAccessKey: 'secret/with+signs' },
    sha256: Sha256,
    uriEscapePath: false,
  });
  const { headers } = await signer.sign({
    method: 'PUT',
    protocol: 'http:',
    hostname,
    port: Number(port),
    path: `/${PLAIN}/${kind}`,
    headers: {
      host,
      'content-encoding': 'aws-chunked',
      'x-amz-content-sha256': kind,
      'x-amz-decoded-content-length': '11',
      ...(trailer ? { 'x-amz-trailer': 'x-amz-checksum-crc32' } : {}),
    },
  });
  const answer = await fetch(`${s3.url}/${PLAIN}/${kind}`, { method: 'PUT', headers, body });
  const [, code] = /<Code>(\w+)/.exec(await answer.text()) ?? [];
  return code === undefined ? `${answer.status}` : `${answer.status} ${code}`;
}

const fails = (status: number, name: string) => ({ name, $metadata: { httpStatusCode: status } });

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

describe('objects', () => {
  it('keeps content type, metadata and further headers, and gives the MD5 as ETag', async () => {
    const { client, s3, events } = await startS3();
    const more = { ContentType: 'image/png', Metadata: { source: 'abc' }, CacheControl: 'no-store' };
    const { ETag, VersionId } = await put(client, PLAIN, 'a.png', 'hello', more);
    expect(ETag).toBe(`"${createHash('md5').update('hello').digest('hex')}"`);
    expect(VersionId).toBeUndefined();
    const head = await client.send(new HeadObjectCommand({ Bucket: PLAIN, Key: 'a.png' }));
    expect(head).toMatchObject({ ...more, ETag, ContentLength: 5 });
    expect(head.VersionId).toBeUndefined();
    expect(head.LastModified?.getTime()).toBeGreaterThan(Date.now() - 5000);
    expect(s3.get(PLAIN, 'a.png')).toMatchObject({ contentType: 'image/png', metadata: { source: 'abc' } });
    expect(events[0]?.etag).toBe(ETag?.replaceAll('"', ''));
    expect(events[0]).not.toHaveProperty('versionId');
  });

  it('replaces an object of a bucket without versions', async () => {
    const { client, s3 } = await startS3();
    await put(client, PLAIN, 'a', 'one');
    await put(client, PLAIN, 'a', 'two');
    expect(await read(client, { Bucket: PLAIN, Key: 'a' })).toBe('two');
    expect(s3.versions(PLAIN, 'a')).toHaveLength(1);
    await client.send(new DeleteObjectCommand({ Bucket: PLAIN, Key: 'a' }));
    expect(s3.versions(PLAIN, 'a')).toEqual([]);
  });

  it('answers NoSuchKey, NoSuchBucket, NotFound and NotImplemented', async () => {
    const { client } = await startS3();
    const absent = { Bucket: PLAIN, Key: 'absent' };
    await expect(read(client, absent)).rejects.toMatchObject(fails(404, 'NoSuchKey'));
    await expect(read(client, { ...absent, Bucket: 'nobody' })).rejects.toMatchObject(fails(404, 'NoSuchBucket'));
    await expect(client.send(new HeadObjectCommand(absent))).rejects.toMatchObject(fails(404, 'NotFound'));
    await expect(client.send(new HeadBucketCommand({ Bucket: 'nobody' }))).rejects.toMatchObject(
      fails(404, 'NotFound'),
    );
    await expect(client.send(new GetObjectTaggingCommand(absent))).rejects.toMatchObject({
      ...fails(501, 'NotImplemented'),
      message: expect.stringContaining('GET object?tagging'),
    });
  });

  it('describes its buckets', async () => {
    const { client } = await startS3();
    const { Buckets } = await client.send(new ListBucketsCommand({}));
    expect(Buckets?.map(({ Name }) => Name)).toEqual([PLAIN, VERSIONED]);
    await client.send(new HeadBucketCommand({ Bucket: PLAIN }));
    const location = await client.send(new GetBucketLocationCommand({ Bucket: PLAIN }));
    expect(location.LocationConstraint || undefined).toBeUndefined();
  });

  it('reads ranges, and refuses every range of an empty object', async () => {
    const { client, s3 } = await startS3();
    s3.put(PLAIN, 'digits', Buffer.from('0123456789'));
    s3.put(PLAIN, 'empty', Buffer.alloc(0));
    const range = (Key: string, Range: string) => client.send(new GetObjectCommand({ Bucket: PLAIN, Key, Range }));
    const text = async (value: string) => (await range('digits', value)).Body?.transformToString();
    expect(await text('bytes=2-4')).toBe('234');
    expect(await text('bytes=8-')).toBe('89');
    expect(await text('bytes=-3')).toBe('789');
    expect(await text('bytes=-99')).toBe('0123456789');
    expect(await text('bytes=5-99')).toBe('56789');
    const first = await range('digits', 'bytes=0-0');
    expect(first).toMatchObject({ ContentRange: 'bytes 0-0/10', ContentLength: 1, $metadata: { httpStatusCode: 206 } });
    await expect(range('digits', 'bytes=10-')).rejects.toMatchObject(fails(416, 'InvalidRange'));
    for (const any of ['bytes=0-', 'bytes=0-0', 'bytes=0-4095', 'bytes=-1']) {
      await expect(range('empty', any)).rejects.toMatchObject(fails(416, 'InvalidRange'));
    }
    expect(await read(client, { Bucket: PLAIN, Key: 'empty' })).toBe('');
  });

  it('honours conditions on reads', async () => {
    const { client, s3 } = await startS3();
    const { etag } = s3.put(PLAIN, 'a', Buffer.from('a'));
    const get = (more: object) => read(client, { Bucket: PLAIN, Key: 'a', ...more });
    expect(await get({ IfMatch: `"${etag}"` })).toBe('a');
    await expect(get({ IfMatch: '"other"' })).rejects.toMatchObject(fails(412, 'PreconditionFailed'));
    expect(await get({ IfNoneMatch: '"other"' })).toBe('a');
    await expect(get({ IfNoneMatch: etag })).rejects.toMatchObject({ $metadata: { httpStatusCode: 304 } });
    expect(await get({ IfModifiedSince: new Date(0) })).toBe('a');
    await expect(get({ IfModifiedSince: new Date() })).rejects.toMatchObject({ $metadata: { httpStatusCode: 304 } });
  });

  it('copies an object, or a version of it, with its metadata or new one', async () => {
    const { client, s3, events } = await startS3();
    const { VersionId } = await put(client, VERSIONED, 'a', 'one', { Metadata: { n: '1' }, ContentType: 'text/one' });
    await put(client, VERSIONED, 'a', 'two');
    const CopySource = `${VERSIONED}/a?versionId=${VersionId}`;
    const copied = await client.send(new CopyObjectCommand({ Bucket: PLAIN, Key: 'b', CopySource }));
    expect(copied).toMatchObject({ CopySourceVersionId: VersionId, CopyObjectResult: { ETag: expect.any(String) } });
    expect(s3.get(PLAIN, 'b')).toMatchObject({ contentType: 'text/one', metadata: { n: '1' } });
    expect(events.at(-1)).toMatchObject({ bucket: PLAIN, key: 'b', size: 3, reason: 'CopyObject' });
    const replaced = { MetadataDirective: 'REPLACE', Metadata: { n: '2' } } as const;
    await client.send(new CopyObjectCommand({ Bucket: PLAIN, Key: 'c', CopySource, ...replaced }));
    expect(s3.get(PLAIN, 'c')).toMatchObject({ metadata: { n: '2' }, body: Buffer.from('one') });
  });

  it('refuses more than 2 KB of user metadata', async () => {
    const { client } = await startS3();
    await put(client, PLAIN, 'a', 'x', { Metadata: { k: 'v'.repeat(2047) } });
    await expect(put(client, PLAIN, 'b', 'x', { Metadata: { k: 'v'.repeat(2048) } })).rejects.toMatchObject(
      fails(400, 'MetadataTooLarge'),
    );
  });

  it('holds an object of 100 MB', async () => {
    const { client, s3 } = await startS3();
    const body = Buffer.alloc(100 * MB, 7);
    await put(client, PLAIN, 'big', body);
    expect(s3.get(PLAIN, 'big')?.body.equals(body)).toBe(true);
  });
});

describe('versions', () => {
  it('keeps every version, readable by its id', async () => {
    const { client, s3, events } = await startS3();
    const one = await put(client, VERSIONED, 'a', 'one');
    const two = await put(client, VERSIONED, 'a', 'two');
    expect(one.VersionId).toMatch(/^[\w-]{32}$/);
    expect(await read(client, { Bucket: VERSIONED, Key: 'a' })).toBe('two');
    expect(await read(client, { Bucket: VERSIONED, Key: 'a', VersionId: one.VersionId })).toBe('one');
    expect(s3.get(VERSIONED, 'a', one.VersionId)?.body.toString()).toBe('one');
    expect(s3.versions(VERSIONED, 'a').map(({ versionId }) => versionId)).toEqual([two.VersionId, one.VersionId]);
    expect(events.map(({ versionId }) => versionId)).toEqual([one.VersionId, two.VersionId]);
    await expect(read(client, { Bucket: VERSIONED, Key: 'a', VersionId: 'none' })).rejects.toMatchObject(
      fails(404, 'NoSuchVersion'),
    );
    await client.send(new DeleteObjectCommand({ Bucket: VERSIONED, Key: 'a', VersionId: two.VersionId }));
    expect(await read(client, { Bucket: VERSIONED, Key: 'a' })).toBe('one');
  });

  it('hides a deleted object behind a delete marker', async () => {
    const { client, s3 } = await startS3();
    const object = { Bucket: VERSIONED, Key: 'a' };
    const { VersionId: first } = await put(client, VERSIONED, 'a', 'one');
    const { VersionId: marker, DeleteMarker } = await client.send(new DeleteObjectCommand(object));
    expect(DeleteMarker).toBe(true);
    expect(s3.versions(VERSIONED, 'a')).toMatchObject([
      { deleteMarker: true, isLatest: true, versionId: marker },
      { deleteMarker: false, isLatest: false, versionId: first },
    ]);

    const gone = await fetch(await getSignedUrl(client, new GetObjectCommand(object)));
    expect([gone.status, gone.headers.get('x-amz-delete-marker')]).toEqual([404, 'true']);
    await expect(read(client, object)).rejects.toMatchObject(fails(404, 'NoSuchKey'));
    await expect(read(client, { ...object, VersionId: marker })).rejects.toMatchObject(fails(405, 'MethodNotAllowed'));
    expect(await read(client, { ...object, VersionId: first })).toBe('one');
    expect([s3.list(VERSIONED), s3.get(VERSIONED, 'a')]).toEqual([[], undefined]);

    const undone = await client.send(new DeleteObjectCommand({ ...object, VersionId: marker }));
    expect(undone).toMatchObject({ DeleteMarker: true, VersionId: marker });
    expect(await read(client, object)).toBe('one');
  });

  it('puts a delete marker even where there is nothing', async () => {
    const { client, s3 } = await startS3();
    await client.send(new DeleteObjectCommand({ Bucket: VERSIONED, Key: 'absent' }));
    expect(s3.versions(VERSIONED, 'absent')).toMatchObject([{ deleteMarker: true }]);
    await client.send(new DeleteObjectCommand({ Bucket: PLAIN, Key: 'absent' }));
    expect(s3.versions(PLAIN, 'absent')).toEqual([]);
  });
});

describe('conditions on writes', () => {
  it.each([PLAIN, VERSIONED])('let only the first writer create an object (%s)', async (bucket) => {
    const { client, s3, events } = await startS3();
    await put(client, bucket, 'a', 'one', { IfNoneMatch: '*' });
    await expect(put(client, bucket, 'a', 'two', { IfNoneMatch: '*' })).rejects.toMatchObject(
      fails(412, 'PreconditionFailed'),
    );
    expect(s3.get(bucket, 'a')?.body.toString()).toBe('one');
    expect(events).toHaveLength(1);
    s3.delete(bucket, 'a');
    await put(client, bucket, 'a', 'three', { IfNoneMatch: '*' });
    expect(s3.get(bucket, 'a')?.body.toString()).toBe('three');
  });

  it('let a writer replace only what it has seen', async () => {
    const { client, s3 } = await startS3();
    const { ETag } = await put(client, VERSIONED, 'a', 'one');
    await put(client, VERSIONED, 'a', 'two', { IfMatch: ETag });
    await expect(put(client, VERSIONED, 'a', 'three', { IfMatch: ETag })).rejects.toMatchObject(
      fails(412, 'PreconditionFailed'),
    );
    expect(s3.get(VERSIONED, 'a')?.body.toString()).toBe('two');
    s3.delete(VERSIONED, 'a');
    for (const key of ['a', 'never']) {
      await expect(put(client, VERSIONED, key, 'x', { IfMatch: ETag })).rejects.toMatchObject(fails(404, 'NoSuchKey'));
    }
  });

  it('let one of many concurrent writers win', async () => {
    const { client } = await startS3();
    const racers = Array.from({ length: 8 }, (_, i) => put(client, VERSIONED, 'a', `${i}`, { IfNoneMatch: '*' }));
    const outcomes = await Promise.allSettled(racers);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it.each([
    { kind: 'small', bytes: 1000, first: 'PutObject' },
    { kind: 'large', bytes: 6 * MB, first: 'CreateMultipartUpload' },
  ])('hold for a $kind streamed upload', async ({ bytes, first }) => {
    const { client, s3, events, operations } = await startS3();
    const upload = async (more: object) => {
      const params = { Bucket: VERSIONED, Key: 'a', Body: chunksOf(bytes), ContentType: 'image/png', ...more };
      return new Upload({ client, params }).done();
    };
    const { ETag } = await upload({ IfNoneMatch: '*', Metadata: { request: 'one' } });
    expect(operations()[0]).toBe(first);
    const reason = first === 'PutObject' ? first : 'CompleteMultipartUpload';
    expect(events).toMatchObject([{ size: bytes, reason, etag: ETag?.replaceAll('"', '') }]);
    expect(s3.get(VERSIONED, 'a')).toMatchObject({ contentType: 'image/png', metadata: { request: 'one' } });

    await expect(upload({ IfNoneMatch: '*' })).rejects.toMatchObject(fails(412, 'PreconditionFailed'));
    await expect(upload({ IfMatch: '"other"' })).rejects.toMatchObject(fails(412, 'PreconditionFailed'));
    expect(s3.versions(VERSIONED, 'a')).toHaveLength(1);
    await upload({ IfMatch: ETag });
    expect(s3.versions(VERSIONED, 'a')).toHaveLength(2);
    s3.delete(VERSIONED, 'a');
    await expect(upload({ IfMatch: ETag })).rejects.toMatchObject(fails(404, 'NoSuchKey'));
    expect(events).toHaveLength(2);
  });

  it('hold for deletes', async () => {
    const { client, s3 } = await startS3();
    const { ETag } = await put(client, VERSIONED, 'a', 'one');
    const remove = (Key: string, IfMatch?: string) =>
      client.send(new DeleteObjectCommand({ Bucket: VERSIONED, Key, IfMatch }));
    await expect(remove('a', '"other"')).rejects.toMatchObject(fails(412, 'PreconditionFailed'));
    await expect(remove('absent', ETag)).rejects.toMatchObject(fails(404, 'NoSuchKey'));
    expect([s3.versions(VERSIONED, 'a').length, s3.versions(VERSIONED, 'absent').length]).toEqual([1, 0]);
    await remove('a', ETag);
    expect(s3.list(VERSIONED)).toEqual([]);

    s3.put(PLAIN, 'x', Buffer.from('x'));
    s3.put(PLAIN, 'y', Buffer.from('y'));
    const Objects = [{ Key: 'x', ETag: '"other"' }, { Key: 'y' }];
    const result = await client.send(new DeleteObjectsCommand({ Bucket: PLAIN, Delete: { Objects } }));
    expect(result.Errors).toMatchObject([{ Key: 'x', Code: 'PreconditionFailed' }]);
    expect(result.Deleted).toMatchObject([{ Key: 'y' }]);
    expect(s3.list(PLAIN)).toEqual(['x']);
  });
});

describe('multipart uploads', () => {
  it('make one object with an ETag over the parts', async () => {
    const { client, s3 } = await startS3();
    const params = { Bucket: PLAIN, Key: 'big', Body: chunksOf(11 * MB) };
    const { ETag } = await new Upload({ client, params }).done();
    expect(ETag).toMatch(/^"[0-9a-f]{32}-3"$/);
    const chunks: Buffer[] = [];
    for await (const chunk of chunksOf(11 * MB)) chunks.push(chunk);
    expect(s3.get(PLAIN, 'big')?.body.equals(Buffer.concat(chunks))).toBe(true);
  });

  it('show nothing until completed, and nothing once aborted', async () => {
    const { client, s3, events } = await startS3();
    const object = { Bucket: PLAIN, Key: 'a' };
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(object));
    const { ETag } = await client.send(new UploadPartCommand({ ...object, UploadId, PartNumber: 1, Body: 'part' }));
    expect(s3.list(PLAIN)).toEqual([]);
    await client.send(new AbortMultipartUploadCommand({ ...object, UploadId }));
    const parts = { MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] } };
    await expect(
      client.send(new CompleteMultipartUploadCommand({ ...object, UploadId, ...parts })),
    ).rejects.toMatchObject(fails(404, 'NoSuchUpload'));
    expect([s3.list(PLAIN), events]).toEqual([[], []]);
  });

  it('refuse wrong, unordered and too small parts', async () => {
    const { client } = await startS3();
    const object = { Bucket: PLAIN, Key: 'a' };
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(object));
    const part = async (PartNumber: number) => {
      const { ETag } = await client.send(new UploadPartCommand({ ...object, UploadId, PartNumber, Body: 'part' }));
      return { PartNumber, ETag };
    };
    const [one, two] = [await part(1), await part(2)];
    const complete = (Parts: object[]) =>
      client.send(new CompleteMultipartUploadCommand({ ...object, UploadId, MultipartUpload: { Parts } }));
    await expect(complete([two, one])).rejects.toMatchObject(fails(400, 'InvalidPartOrder'));
    await expect(complete([one, { ...two, ETag: '"x"' }])).rejects.toMatchObject(fails(400, 'InvalidPart'));
    await expect(complete([one, two])).rejects.toMatchObject(fails(400, 'EntityTooSmall'));
    await complete([two]);
  });

  it('leave nothing when the source of a streamed upload breaks', async () => {
    const { client, s3, operations } = await startS3();
    async function* broken() {
      yield Buffer.alloc(6 * MB);
      throw new Error('the source broke');
    }
    const params = { Bucket: PLAIN, Key: 'a', Body: Readable.from(broken()) };
    await expect(new Upload({ client, params }).done()).rejects.toThrow('the source broke');
    expect(s3.list(PLAIN)).toEqual([]);
    expect(operations()).not.toContain('CompleteMultipartUpload');
  });
});

describe('bodies', () => {
  it('undo the chunks and check the trailing checksum of a streamed body', async () => {
    const { client, s3 } = await startS3();
    const body = chunksOf(2 * MB);
    const more = { ContentLength: 2 * MB, ContentEncoding: 'gzip' };
    await client.send(new PutObjectCommand({ Bucket: PLAIN, Key: 'a', Body: body, ...more }));
    expect(s3.get(PLAIN, 'a')?.body.length).toBe(2 * MB);
    const { ContentEncoding } = await client.send(new HeadObjectCommand({ Bucket: PLAIN, Key: 'a' }));
    expect(ContentEncoding).toBe('gzip');
  });

  it('are refused as a stream of unknown length', async () => {
    const { client } = await startS3();
    const stream = { Bucket: PLAIN, Key: 'a', Body: Readable.from([Buffer.from('abc')]) };
    await expect(client.send(new PutObjectCommand(stream))).rejects.toThrow();
    const unchecked = clientOf((await startS3()).s3, { requestChecksumCalculation: 'WHEN_REQUIRED' });
    const again = { ...stream, Body: Readable.from([Buffer.from('abc')]) };
    await expect(unchecked.send(new PutObjectCommand(again))).rejects.toMatchObject(fails(501, 'NotImplemented'));
  });

  it('are refused when their digest or length is another', async () => {
    const { client, s3 } = await startS3();
    const wrong = { Bucket: PLAIN, Key: 'a', Body: 'abc' };
    const digests = [
      { ContentMD5: createHash('md5').update('abd').digest('base64') },
      { ChecksumCRC32: 'AAAAAA==' },
      { ChecksumSHA256: createHash('sha256').update('abd').digest('base64') },
    ];
    for (const digest of digests) {
      await expect(client.send(new PutObjectCommand({ ...wrong, ...digest }))).rejects.toMatchObject(
        fails(400, 'BadDigest'),
      );
    }
    expect(s3.list(PLAIN)).toEqual([]);
  });

  it('come out of signed and unsigned chunks, with or without trailers', async () => {
    const { s3 } = await startS3();
    const signature = `;chunk-signature=${'0'.repeat(64)}`;
    const signed = `5${signature}\r\nhello\r\n6${signature}\r\n world\r\n0${signature}\r\n`;
    const trailer = 'x-amz-checksum-crc32:DUoRhQ==\r\n';
    const bodies = [
      { kind: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD', body: `${signed}\r\n` },
      {
        kind: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
        body: `${signed}${trailer}x-amz-trailer-signature:0\r\n\r\n`,
      },
      { kind: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', body: `b\r\nhello world\r\n0\r\n${trailer}\r\n` },
    ];
    for (const { kind, body } of bodies) {
      expect(await putFramed(s3, kind, body, kind.endsWith('TRAILER'))).toBe('200');
      expect(s3.get(PLAIN, kind)?.body.toString()).toBe('hello world');
    }
  });

  it('are refused in chunks that do not add up', async () => {
    const { s3 } = await startS3();
    const unsigned = (body: string, trailer = false) =>
      putFramed(s3, 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', body, trailer);
    expect(await unsigned('5\r\nhello\r\n0\r\n\r\n')).toBe('400 IncompleteBody');
    expect(await unsigned('b\r\nhello world\r\n')).toBe('400 IncompleteBody');
    expect(await unsigned('b\r\nhello wo')).toBe('400 IncompleteBody');
    expect(await unsigned('hello world')).toBe('400 IncompleteBody');
    expect(await unsigned('b\r\nhello world\r\n0\r\n\r\n', true)).toBe('400 IncompleteBody');
    const wrong = 'b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n';
    expect(await unsigned(wrong, true)).toBe('400 BadDigest');
    expect(s3.list(PLAIN)).toEqual([]);
  });

  it('store nothing when the connection breaks half way', async () => {
    const { s3, events, requests } = await startS3();
    const client = clientOf(s3, { requestChecksumCalculation: 'WHEN_REQUIRED' });
    const url = new URL(await getSignedUrl(client, new PutObjectCommand({ Bucket: PLAIN, Key: 'a' })));
    const socket = connect(Number(url.port), url.hostname);
    socket.write(`PUT ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\ncontent-length: 100\r\n\r\nhalf`);
    await expect.poll(() => requests.length).toBe(1);
    socket.destroy();
    await once(socket, 'close');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([s3.list(PLAIN), events]).toEqual([[], []]);
  });

  it('store nothing when the client gives up half way', async () => {
    const { client, s3, events, requests } = await startS3();
    const controller = new AbortController();
    async function* slow() {
      yield Buffer.alloc(1000);
      await expect.poll(() => requests.length).toBe(1);
      controller.abort();
      await new Promise(() => undefined);
    }
    const command = new PutObjectCommand({ Bucket: PLAIN, Key: 'a', Body: Readable.from(slow()), ContentLength: 2000 });
    await expect(client.send(command, { abortSignal: controller.signal })).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect([s3.list(PLAIN), events]).toEqual([[], []]);
  });
});

describe('signatures', () => {
  it('are required, of a known key, and right', async () => {
    const { s3 } = await startS3();
    const error = (accessKeyId: string, secretAccessKey: string) =>
      put(clientOf(s3, { credentials: { accessKeyId, secretAccessKey } }), PLAIN, 'a', 'x');
    await expect(error('AKIAOTHER', 'secret/with+signs')).rejects.toMatchObject(fails(403, 'InvalidAccessKeyId'));
    await expect(error('AKIALOCAL', 'guess')).rejects.toMatchObject(fails(403, 'SignatureDoesNotMatch'));
    const anonymous = await fetch(`${s3.url}/${PLAIN}/a`);
    expect([anonymous.status, await anonymous.text()]).toEqual([403, expect.stringContaining('AccessDenied')]);
    const old = await fetch(`${s3.url}/${PLAIN}/a?AWSAccessKeyId=AKIALOCAL&Expires=1&Signature=x`);
    expect([old.status, await old.text()]).toEqual([400, expect.stringContaining('Please use AWS4-HMAC-SHA256')]);
    expect(s3.list(PLAIN)).toEqual([]);
  });

  it('of a presigned URL cover method, path and version', async () => {
    const { client, requests } = await startS3();
    const { VersionId } = await put(client, VERSIONED, 'a.jpg', 'one');
    const { VersionId: other } = await put(client, VERSIONED, 'a.jpg', 'two');
    await put(client, VERSIONED, 'b.jpg', 'three');
    const url = await getSignedUrl(client, new GetObjectCommand({ Bucket: VERSIONED, Key: 'a.jpg', VersionId }));
    expect(await (await fetch(url)).text()).toBe('one');
    expect(requests.at(-1)).toEqual({
      operation: 'GetObject',
      bucket: VERSIONED,
      key: 'a.jpg',
      versionId: VersionId,
      accessKeyId: 'AKIALOCAL',
      // The SDK signs this wish along.
      checksum: true,
      presigned: true,
    });
    expect((await fetch(url, { headers: { range: 'bytes=0-1' } })).status).toBe(206);
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(403);
    expect((await fetch(url.replace('a.jpg', 'b.jpg'))).status).toBe(403);
    expect((await fetch(url.replace(`${VersionId}`, `${other}`))).status).toBe(403);
    expect((await fetch(url.replace(`versionId=${VersionId}`, ''))).status).toBe(403);
    expect((await fetch(url.replace('X-Amz-Expires=900', 'X-Amz-Expires=9000'))).status).toBe(403);
    expect((await fetch(url, { headers: { 'x-amz-meta-added': 'later' } })).status).toBe(403);
  });

  it('of a presigned URL expire', async () => {
    const { client } = await startS3();
    await put(client, PLAIN, 'a', 'one');
    const command = new GetObjectCommand({ Bucket: PLAIN, Key: 'a' });
    const signedAgo = (seconds: number) =>
      getSignedUrl(client, command, { expiresIn: 60, signingDate: new Date(Date.now() - seconds * 1000) });
    expect((await fetch(await signedAgo(50))).status).toBe(200);
    const late = await fetch(await signedAgo(61));
    expect([late.status, await late.text()]).toEqual([403, expect.stringContaining('Request has expired')]);
  });
});

describe('listings', () => {
  it('roll keys up at a delimiter', async () => {
    const { client, s3 } = await startS3();
    for (const key of ['top.jpg', 'in/a.jpg', 'in/b.jpg', 'in/deep/c.jpg', 'out/d.jpg', 'in']) {
      s3.put(VERSIONED, key, Buffer.from('x'));
    }
    s3.put(VERSIONED, 'gone/e.jpg', Buffer.from('x'));
    s3.delete(VERSIONED, 'gone/e.jpg');
    const list = async (more: object) => {
      const page = await client.send(new ListObjectsV2Command({ Bucket: VERSIONED, Delimiter: '/', ...more }));
      return {
        keys: page.Contents?.map(({ Key }) => Key) ?? [],
        prefixes: page.CommonPrefixes?.map(({ Prefix }) => Prefix) ?? [],
      };
    };
    expect(await list({})).toEqual({ keys: ['in', 'top.jpg'], prefixes: ['in/', 'out/'] });
    expect(await list({ Prefix: 'in/' })).toEqual({ keys: ['in/a.jpg', 'in/b.jpg'], prefixes: ['in/deep/'] });
    expect(await list({ StartAfter: 'in/b.jpg', Delimiter: undefined })).toEqual({
      keys: ['in/deep/c.jpg', 'out/d.jpg', 'top.jpg'],
      prefixes: [],
    });
  });

  it('come in pages, in the order of UTF-8', async () => {
    const { client, s3 } = await startS3();
    const keys = ['a b', 'a+b', 'dir/1', 'dir/2', 'dir/3', 'z', 'é<&>', '\uffee', '🐈'];
    for (const key of keys.toReversed()) s3.put(PLAIN, key, Buffer.from('x'));
    const pages = async (more: object) => {
      const names: (string | undefined)[] = [];
      let ContinuationToken: string | undefined;
      do {
        const input = { Bucket: PLAIN, MaxKeys: 2, ContinuationToken, ...more };
        const page = await client.send(new ListObjectsV2Command(input));
        expect(page.KeyCount).toBeLessThanOrEqual(2);
        names.push(...(page.Contents ?? []).map(({ Key }) => Key), ...(page.CommonPrefixes ?? []).map((p) => p.Prefix));
        ContinuationToken = page.NextContinuationToken;
        expect(page.IsTruncated).toBe(ContinuationToken !== undefined);
      } while (ContinuationToken);
      return names;
    };
    expect(await pages({})).toEqual(keys);
    // Two entries to a page; a page gives its keys first and its prefixes second.
    expect(await pages({ Delimiter: '/' })).toEqual(['a b', 'a+b', 'z', 'dir/', ...keys.slice(6)]);
    const encoded = await pages({ EncodingType: 'url' });
    expect(encoded.map((name) => decodeURIComponent(name ?? ''))).toEqual(keys);
    expect(encoded[0]).toBe('a%20b');
  });
});

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
    cleanups.push(() => s3.close());
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

describe('a bucket policy that wants a KMS key named', () => {
  const KEY = 'arn:aws:kms:us-east-1:111122223333:key/1';
  const named = { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: KEY } as const;

  async function start(except?: RegExp): Promise<{ s3: LocalS3; client: S3Client }> {
    const s3 = await LocalS3.start({
      buckets: { [PLAIN]: { versioned: false, kmsPolicy: { key: KEY, ...(except && { except }) } } },
      credentials: { AKIALOCAL: 'secret/with+signs' },
    });
    cleanups.push(() => s3.close());
    return { s3, client: clientOf(s3) };
  }

  it.each<[string, Partial<PutObjectCommandInput>]>([
    ['nothing', {}],
    ['another algorithm', { ServerSideEncryption: 'AES256' }],
    ['no key', { ServerSideEncryption: 'aws:kms' }],
    ['another key', { ...named, SSEKMSKeyId: `${KEY}2` }],
  ])('denies writes that name %s', async (_, encryption) => {
    const { s3, client } = await start();
    await expect(put(client, PLAIN, 'a', 'x', encryption)).rejects.toMatchObject(fails(403, 'AccessDenied'));
    const begin = new CreateMultipartUploadCommand({ Bucket: PLAIN, Key: 'a', ...encryption });
    await expect(client.send(begin)).rejects.toMatchObject(fails(403, 'AccessDenied'));
    expect([s3.list(PLAIN), s3.uploadsUnderWay]).toEqual([[], 0]);
  });

  it('allows writes that name it, and parts, which name nothing', async () => {
    const { s3, client } = await start();
    await put(client, PLAIN, 'a', 'x', named);
    const params = { Bucket: PLAIN, Key: 'b', Body: Buffer.alloc(6 * MB), ...named } as const;
    await new Upload({ client, partSize: 5 * MB, params }).done();
    expect(s3.list(PLAIN)).toEqual(['a', 'b']);
  });

  it('may except keys; what is read and deleted is of no interest to it', async () => {
    const { s3, client } = await start(/^free\//);
    await put(client, PLAIN, 'free/a', 'x');
    s3.put(PLAIN, 'free/b', Buffer.from('x'));
    expect(() => s3.put(PLAIN, 'b', Buffer.from('x'))).toThrow('explicit deny');
    expect(await read(client, { Bucket: PLAIN, Key: 'free/a' })).toBe('x');
    await client.send(new DeleteObjectCommand({ Bucket: PLAIN, Key: 'free/a' }));
    expect(s3.list(PLAIN)).toEqual(['free/b']);
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
