import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { expect } from 'vitest';
import type { CdnBehaviour } from '../../local/gateway.ts';
import { CAT } from '../pictures.ts';
import { area } from './area.ts';
import { cutout, fails } from './ends.ts';
import { FOR_EVER } from './injection.ts';
import type { Scene } from './scene.ts';

/** Faults when the result is fetched from the CDN, and results that must not be delivered. */

area('Fetching the result', 'CDN, answer to the GET', (fault) => {
  const passing: [string, CdnBehaviour][] = [
    ['429', { status: 429 }],
    ['404 at first', { status: 404 }],
    ['500', { status: 500 }],
    ['the body is cut half-way', 'cut'],
    ['the connection is reset', 'reset'],
    ['the length is not said, so that a cut could not be seen', 'close-delimited'],
  ];
  for (const [what, behaviour] of passing) {
    fault(`${what}, three times`, cutout(), (scene) => scene.repeat('download', behaviour, 3));
  }
  fault('429 for an hour', cutout(), (scene) => scene.repeat('download', { status: 429 }, 33));
  fault('the body is cut half-way, always', fails('DownloadFailed', { paid: 1 }), (scene) =>
    scene.repeat('download', 'cut', FOR_EVER),
  );
  fault('404, always', fails('DownloadFailed', { paid: 1 }), (scene) =>
    scene.repeat('download', { status: 404 }, FOR_EVER),
  );
  fault('the body comes in chunks, without a length', cutout(), (scene) => scene.next('download', 'chunked'));
  fault('the body is packed for whoever accepts that', cutout(), (scene) => scene.next('download', 'gzip'));
  fault('a web page, always', fails('InvalidResult', { paid: 1 }), (scene) =>
    scene.repeat('download', 'html', FOR_EVER),
  );
  fault('an empty body, always', fails('InvalidResult', { paid: 1 }), (scene) =>
    scene.repeat('download', { status: 200, body: '' }, FOR_EVER),
  );
  fault('2 GiB, by its Content-Length', fails('ResultTooLarge', { paid: 1 }), (scene) =>
    scene.next('download', { bytes: 2 * 1024 ** 3 }),
  );
});

/** Of the picture, whatever the framing says. */
const half = ({ body }: Scene): Buffer => body.subarray(0, body.length >> 1);
const sent = (body: Buffer, headers: Record<string, string> = {}): CdnBehaviour => ({ status: 200, body, headers });

area('Whole results', 'CDN, answer to the GET', (fault) => {
  fault(
    'the connection is closed after the answer, while nobody reads',
    cutout({ also: 'at the first try' }),
    (scene) => {
      const bytes = 146_000;
      scene.next('download', { bytes, closes: true });
      scene.expectBytes(bytes);
      scene.atTheEnd(() => expect(scene.invocations('deliver')).toBe(1));
    },
  );
  fault('half of it, with a length that fits, three times', cutout(), (scene) =>
    scene.repeat('download', sent(half(scene)), 3),
  );
  fault('half of it, with a length that fits, always', fails('DownloadFailed', { paid: 1 }), (scene) =>
    scene.repeat('download', sent(half(scene)), FOR_EVER),
  );
  fault('all of it but the last byte, always', fails('DownloadFailed', { paid: 1 }), (scene) =>
    scene.repeat('download', sent(scene.body.subarray(0, -1)), FOR_EVER),
  );
  fault('one byte of it has changed, three times', cutout(), (scene) => {
    const changed = Buffer.from(scene.body);
    changed[changed.length >> 1] = 255 - (changed[changed.length >> 1] ?? 0);
    scene.repeat('download', sent(changed), 3);
  });
  fault('half of a WebP, always', fails('DownloadFailed', { paid: 1 }), async (scene) => {
    const webp = await sharp(CAT).webp().toBuffer();
    scene.repeat('download', sent(webp.subarray(0, webp.length >> 1)), FOR_EVER);
  });
  fault('it is packed though nobody accepts that, three times', cutout(), (scene) =>
    scene.repeat('download', sent(gzipSync(scene.body), { 'content-encoding': 'gzip' }), 3),
  );
  fault('bytes come behind its end', cutout(), (scene) =>
    scene.upload(Buffer.concat([scene.body, Buffer.alloc(100_000, 'x')])),
  );
});

area('The type of the result', 'CDN, answer to the GET', (fault) => {
  const types: [string, (scene: Scene) => Buffer][] = [
    ['a JPEG', () => CAT],
    ['a HEIC picture', () => Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1')],
    ['a PNG behind a byte order mark', ({ body }) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), body])],
  ];
  for (const [what, body] of types) {
    fault(`${what}, always`, fails('InvalidResult', { paid: 1 }), (scene) =>
      scene.repeat('download', sent(body(scene)), FOR_EVER),
    );
  }
});
