import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { Sha256 } from '@aws-crypto/sha256-js';
import { HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { SignatureV4 } from '@smithy/signature-v4';
import { describe, expect, it } from 'vitest';
import type { LocalS3 } from '../../../local/s3.ts';
import { chunksOf, clientOf, fails, MB, PLAIN, startS3 } from './rig.ts';

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
