import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { expect } from 'vitest';
import type { CdnBehaviour } from '../../local/gateway.ts';
import { CAT } from '../support.ts';
import { area, cutout, FOR_EVER, fails, type Scene } from './support.ts';

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
  fault('a web page', fails('InvalidResult', { paid: 1 }), (scene) => scene.next('download', 'html'));
  fault('an empty body', fails('InvalidResult', { paid: 1 }), (scene) =>
    scene.next('download', { status: 200, body: '' }),
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
    fault(what, fails('InvalidResult', { paid: 1 }), (scene) => scene.next('download', sent(body(scene))));
  }
});

/** As deployed without a setting, when only the CDN of the real gateway is trusted. */
const DEFAULT_HOSTS = { environment: { RESULT_HOSTS: '*.r2.dev' } };

area(
  'Where the result lies',
  'gateway, the media URL',
  (fault) => {
    const untrusted = {
      'on another host': 'https://example.com/x.png',
      'on a host that ends like the trusted one': 'https://evil-r2.dev/x.png',
      'on a trusted host, by another protocol': 'http://pub-1.r2.dev/x.png',
      'on a trusted host, at another port': 'https://pub-1.r2.dev:8443/x.png',
      'with a user name in front of a trusted host': 'https://user:password@pub-1.r2.dev/x.png',
      'in a file of the function': 'file:///etc/passwd',
      'at the link-local address of credentials': 'http://169.254.169.254/latest/meta-data/',
      'nowhere: it is no URL': 'output.png',
    };
    for (const [what, url] of Object.entries(untrusted)) {
      fault(what, fails('UntrustedResultUrl', { paid: 1 }), (scene) => scene.next('outcome', { mediaUrls: [url] }));
    }
  },
  DEFAULT_HOSTS,
);

area('Redirects of the CDN', 'CDN, Location', (fault) => {
  fault('to a trusted host', cutout(), (scene) => {
    const { gateway } = scene.cloud;
    scene.on('download', (count) =>
      count === 1 ? { redirect: gateway.cdnUrl + gateway.cdnRequests.at(-1)?.path } : undefined,
    );
  });
  const untrusted = {
    'to another host': 'https://example.com/x.png',
    'to plain http': 'http://pub-1.r2.dev/x.png',
    'to an IP address': 'https://192.0.2.1/x.png',
    'to the link-local address of credentials': 'http://169.254.169.254/latest/meta-data/',
    'to the loopback address': 'http://127.0.0.1:9001/2018-06-01/runtime/invocation/next',
    'to the loopback address of IPv6': 'http://[::1]:9001/',
  };
  for (const [what, redirect] of Object.entries(untrusted)) {
    fault(what, fails('UntrustedResultUrl', { paid: 1 }), (scene) => scene.next('download', { redirect }));
  }
  fault('in a circle', fails('DownloadFailed', { paid: 1 }), (scene) =>
    scene.on('download', () => ({ redirect: `${scene.cloud.gateway.cdnUrl}/again` })),
  );
});

area('Several results, of which one fails', 'CDN, answer to the GET of one', (fault) => {
  const parts = ['.png.parts/2.png', '.png.parts/3.png'];
  fault('the second is cut half-way, once', cutout({ beside: parts, also: 'and the further ones' }), (scene) => {
    scene.next('outcome', { mediaCount: 3 });
    scene.next('download', 'normal', 'cut');
  });
  fault(
    'the third is never there',
    fails('DownloadFailed', {
      paid: 1,
      beside: parts.slice(0, 1),
      also: 'what could be fetched stays, but not the first',
    }),
    (scene) => {
      scene.next('outcome', { mediaCount: 3 });
      scene.on('download', () =>
        scene.cloud.gateway.cdnRequests.at(-1)?.path.endsWith('-3.png') ? { status: 404 } : undefined,
      );
    },
  );
  const isSecond = ({ cloud }: Scene) => cloud.gateway.cdnRequests.at(-1)?.path.endsWith('-2.png');
  fault('the second is a JPEG without its end', fails('DownloadFailed', { paid: 1 }), (scene) => {
    scene.next('outcome', { mediaCount: 2 });
    scene.on('download', () => (isSecond(scene) ? sent(CAT.subarray(0, -2)) : undefined));
  });
  fault('the first is a JPEG', fails('InvalidResult', { paid: 1 }), (scene) => {
    scene.next('outcome', { mediaCount: 2 });
    scene.next('download', sent(CAT));
  });
  fault('the first is HTML', fails('InvalidResult', { paid: 1 }), (scene) => {
    scene.next('outcome', { mediaCount: 2 });
    scene.next('download', 'html');
  });
});
