import { pipeline } from 'node:stream/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { MAX_RESULT_BYTES, openMedium } from '../../../functions/results/medium.ts';
import { PNG } from '../../pictures.ts';
import { failureOf } from '../failure-of.ts';
import { serve, serveBytes } from '../servers.ts';
import {
  BYTE_ORDER_MARK,
  GIF,
  HEIC,
  ID3_TAG,
  JPEG,
  openFrom,
  PICTURE,
  PSD,
  read,
  readFrom,
  serveRaw,
  startCdn,
  WEBP,
} from './medium-rig.ts';

describe('a result', () => {
  it('is known for an image by its first bytes, whatever the CDN calls it, and comes whole', async () => {
    const medium = await openFrom('normal');

    expect(medium).toMatchObject({ contentType: 'image/png', extension: 'png' });
    expect((await read(medium)).equals(PICTURE)).toBe(true);
  });

  it('may be smaller than what is looked at first', async () => {
    const { cdn, url } = await startCdn(PNG);
    expect(await read(await openMedium(url, [cdn.cdnUrl]))).toEqual(PNG);
  });

  it('may come in chunks, without a length', async () => {
    expect((await read(await openFrom('chunked'))).equals(PICTURE)).toBe(true);
  });

  it('is not asked for compressed', async () => {
    const { cdn, url } = await startCdn();
    cdn.nextDownloads('gzip');

    expect((await read(await openMedium(url, [cdn.cdnUrl]))).equals(PICTURE)).toBe(true);
    expect(cdn.cdnRequests[0]?.headers['accept-encoding']).toBe('identity');
  });

  it('may be left unread, and is not to be had any more then', async () => {
    const medium = await openFrom('normal');
    await medium.cancel();
    expect(await failureOf(read(medium))).toMatchObject({ name: 'DownloadFailed' });
  });

  it('may be cancelled after it was read, or twice', async () => {
    const medium = await openFrom('normal');
    await read(medium);
    await medium.cancel();
    await medium.cancel();
  });

  it('that is a web page is invalid', async () => {
    const error = await failureOf(openFrom('html'));
    expect(error).toMatchObject({ name: 'InvalidResult' });
    expect(error.message).toContain('The result is no image by its own bytes');
  });

  it('that is empty is invalid', async () => {
    expect(await failureOf(openFrom({ status: 200, body: '' }))).toMatchObject({ name: 'InvalidResult' });
  });

  it.each([204, 206, 304, 403, 404, 429, 500, 503])('that is answered %i has not been downloaded', async (status) => {
    const error = await failureOf(openFrom({ status }));
    expect(error).toMatchObject({ name: 'DownloadFailed' });
    expect(error.message).toContain(`The CDN answered ${status} for a result`);
  });

  it('that breaks off fails while it is read, instead of ending early', async () => {
    const error = await failureOf(openFrom('cut').then(read));
    expect(error).toMatchObject({ name: 'DownloadFailed' });
    expect(error.message).toContain('broke off');
  });

  it('that breaks off within its first bytes has not been downloaded', async () => {
    const { cdn, url } = await startCdn(PNG);
    cdn.nextDownloads('cut');
    expect(await failureOf(openMedium(url, [cdn.cdnUrl]))).toMatchObject({ name: 'DownloadFailed' });
  });

  it('whose end is the end of the connection is refused, for it may have been cut anywhere', async () => {
    const error = await failureOf(openFrom('close-delimited'));
    expect(error).toMatchObject({ name: 'DownloadFailed' });
    expect(error.message).toContain('does not say how long a result is');
  });

  it.each(['gzip', 'identity', 'gzip, identity'])(
    'whose end is the end of the connection is refused also where a transfer encoding is named: %s',
    async (encoding) => {
      const origin = await serveRaw(`transfer-encoding: ${encoding}`, PICTURE);
      const error = await failureOf(openMedium(`${origin}/output.png`, [origin]).then(read));
      expect(error).toMatchObject({ name: 'DownloadFailed' });
    },
  );

  it.each(['gzip', 'br', 'deflate', 'zstd', 'X-Gzip', 'identity, gzip', 'unheard-of'])(
    'that comes in the content encoding %s is refused, whatever it holds',
    async (encoding) => {
      for (const body of [PICTURE, gzipSync(PICTURE)]) {
        const error = await failureOf(readFrom(body, 'first', { 'content-encoding': encoding }));
        expect(error).toMatchObject({ name: 'DownloadFailed' });
        expect(error.message).toContain('which was not asked for');
      }
    },
  );

  it.each(['identity', 'aws-chunked', 'AWS-Chunked, identity', ''])(
    'may come in the content encoding %j, which leaves the bytes as they are',
    async (encoding) => {
      expect((await readFrom(PICTURE, 'first', { 'content-encoding': encoding })).body.equals(PICTURE)).toBe(true);
    },
  );

  it('has not been downloaded if the connection is reset or refused', async () => {
    expect(await failureOf(openFrom('reset'))).toMatchObject({ name: 'DownloadFailed' });

    const { cdn, url } = await startCdn();
    await cdn.close();
    expect(await failureOf(openMedium(url, [cdn.cdnUrl]))).toMatchObject({ name: 'DownloadFailed' });
  });

  it('that announces more than 1 GiB is too large, before any of it is read', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': MAX_RESULT_BYTES + 1 }).write(PNG);
    });
    const error = await failureOf(openMedium(`${server.origin}/output.png`, [server.origin]));

    expect(error).toMatchObject({ name: 'ResultTooLarge' });
  });

  it('that announces no length is too large as soon as more than 1 GiB has come', async () => {
    const block = Buffer.alloc(64 * 1024 * 1024);
    const body = function* () {
      yield Buffer.from('GIF89a');
      for (let sent = 0; sent <= MAX_RESULT_BYTES; sent += block.length) yield block;
    };
    // The reader hangs up before all of it has been sent.
    const server = await serve((_request, response) => pipeline(body, response).catch(() => undefined));
    const medium = await openMedium(`${server.origin}/output.gif`, [server.origin], 'further');
    let bytes = 0;
    const reading = (async () => {
      for await (const chunk of medium.bytes) bytes += chunk.byteLength;
    })();
    expect(await failureOf(reading)).toMatchObject({ name: 'ResultTooLarge' });
    expect(bytes).toBeLessThanOrEqual(MAX_RESULT_BYTES);
  });

  it('may announce 1 GiB', async () => {
    const medium = await openFrom({ bytes: MAX_RESULT_BYTES });
    expect(medium.extension).toBe('png');
    await medium.cancel();
  });

  it('needs a URL that is one', async () => {
    for (const url of ['', 'output.png', '//x.r2.dev/output.png', 'https://']) {
      const error = await failureOf(openMedium(url, ['*.r2.dev']));
      expect(error).toMatchObject({ name: 'UntrustedResultUrl' });
    }
  });
});

describe('the first result', () => {
  it.each([
    ['image/png', PNG],
    ['image/webp', WEBP],
  ])('may be %s, with or without bytes behind its end', async (contentType, image) => {
    for (const body of [image, Buffer.concat([image, Buffer.alloc(10_000, 'x')])]) {
      const result = await readFrom(body);
      expect(result).toMatchObject({ contentType });
      expect(result.body.equals(body)).toBe(true);
    }
  });

  it.each([
    ['image/jpeg', JPEG],
    ['image/gif', GIF],
    ['image/heic', HEIC],
    ['image/vnd.adobe.photoshop', PSD],
  ])('must not be %s, which is said', async (contentType, body) => {
    const error = await failureOf(readFrom(body));
    expect(error).toMatchObject({ name: 'InvalidResult' });
    expect(error.message).toContain(`The first result is ${contentType}, and neither PNG nor WebP`);
  });
});

describe('a further result', () => {
  it.each([
    ['image/png', PNG],
    ['image/webp', WEBP],
    ['image/jpeg', JPEG],
    ['image/gif', GIF],
    ['image/heic', HEIC],
    ['image/vnd.adobe.photoshop', PSD],
  ])('may be %s', async (contentType, image) => {
    const result = await readFrom(image, 'further');
    expect(result).toMatchObject({ contentType });
    expect(result.body.equals(image)).toBe(true);
  });
});

describe.each(['first', 'further'] as const)('a %s result', (place) => {
  it.each([
    ['PNG', PICTURE],
    ['PNG', PNG],
    ['WebP', WEBP],
    ...(place === 'further' ? [['JPEG', JPEG] as const] : []),
  ] as const)('that is half a %s has not been downloaded, though its length fits', async (format, image) => {
    const half = image.subarray(0, image.length >> 1);
    const chunked: Record<string, string> = { 'transfer-encoding': 'chunked' };
    for (const headers of [undefined, chunked]) {
      const error = await failureOf(readFrom(half, place, headers));
      expect(error).toMatchObject({ name: 'DownloadFailed' });
      expect(error.message).toContain(`The result is not whole: the ${format} has no end`);
    }
  });

  it('that lacks its last byte fails only once all others have passed', async () => {
    const server = await serveBytes(PICTURE.subarray(0, -1));
    const { bytes } = await openMedium(`${server.origin}/output.png`, [server.origin], place);
    let passed = 0;
    const failure = await failureOf(
      (async () => {
        for await (const chunk of bytes) passed += chunk.byteLength;
      })(),
    );
    expect(failure).toMatchObject({ name: 'DownloadFailed' });
    expect(passed).toBe(PICTURE.length - 1);
  });

  it('of which a byte has changed has not been downloaded', async () => {
    const changed = Buffer.from(PICTURE);
    changed[200_000] = 1;
    const error = await failureOf(readFrom(changed, place));
    expect(error).toMatchObject({ name: 'DownloadFailed' });
    expect(error.message).toContain('The result is broken: the PNG has a chunk with a wrong checksum');
  });

  it.each([
    ['a byte order mark', BYTE_ORDER_MARK],
    ['an ID3 tag', ID3_TAG],
    ['two byte order marks', Buffer.concat([BYTE_ORDER_MARK, BYTE_ORDER_MARK])],
    ['a tag behind a byte order mark', Buffer.concat([BYTE_ORDER_MARK, ID3_TAG])],
    ['a zero', Buffer.alloc(1)],
  ])('that stands behind %s is invalid: no decoder opens it', async (_what, before) => {
    for (const image of [PICTURE, WEBP, JPEG])
      expect(await failureOf(readFrom(Buffer.concat([before, image]), place))).toMatchObject({ name: 'InvalidResult' });
  });
});
