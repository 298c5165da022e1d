import { describe, expect, it } from 'vitest';
import { MAX_IMAGE_BYTES } from '../../../functions/images/check.ts';
import { lookAt } from '../../../functions/images/source.ts';
import { CAT, PNG } from '../../pictures.ts';
import { failureOf } from '../failure-of.ts';
import { PLAIN, startS3, VERSIONED } from '../s3.ts';
import { serve, serveBytes } from '../servers.ts';

const GATEWAY = 'https://gateway.example';
/** The gateway of a local run, where plain http is allowed. */
const LOCAL_GATEWAY = 'http://127.0.0.1:8080';
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

describe('looking at an image URL', () => {
  const look = async (imageUrl: string, gatewayUrl = LOCAL_GATEWAY) => {
    const { client } = await startS3();
    return lookAt(client, { imageUrl }, gatewayUrl);
  };

  it('asks for the first bytes only, uncompressed, and learns the size', async () => {
    const server = await serve((_request, response) => {
      const headers = { 'content-range': `bytes 0-${PNG.length - 1}/123456`, 'content-type': 'text/plain' };
      response.writeHead(206, headers).end(PNG);
    });
    const imageUrl = `${server.origin}/cat.txt?token=secret`;

    expect(await look(imageUrl)).toEqual({ source: { imageUrl }, contentType: 'image/png', size: 123_456 });
    expect(server.received).toMatchObject([
      {
        method: 'GET',
        url: '/cat.txt?token=secret',
        headers: { range: 'bytes=0-4099', 'accept-encoding': expect.stringMatching(/^identity\b/) },
      },
    ]);
  });

  it('is content with a server that knows no ranges', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': OTHER_PNG.length }).end(OTHER_PNG);
    });
    expect(await look(server.origin)).toMatchObject({ contentType: 'image/png', size: OTHER_PNG.length });
  });

  it('leaves a body that is sent without end', async () => {
    const server = await serve((_request, response) => {
      const more = () => {
        while (!response.destroyed && response.write(OTHER_PNG));
      };
      response.on('drain', more);
      more();
    });
    expect(await look(server.origin)).toMatchObject({ contentType: 'image/png', size: undefined });
  });

  it('refuses what is no picture, or empty, without quoting the query', async () => {
    const text = await serveBytes('Dear Sir or Madam,', 'image/jpeg');
    const empty = await serveBytes('', 'image/jpeg');
    const unsatisfiable = await serve(({ headers }, response) =>
      headers.range ? response.writeHead(416).end('no such range') : response.end(),
    );

    for (const { origin } of [text, empty, unsatisfiable]) {
      const error = await failureOf(look(`${origin}/cat.jpg?token=secret`));
      expect(error).toMatchObject({ name: 'NotAnImage' });
      expect(error.message).toContain(`${origin}/cat.jpg `);
      expect(error.message).not.toContain('secret');
    }
  });

  it('refuses more than 100 MiB', async () => {
    const headers = { 'content-range': `bytes 0-${PNG.length - 1}/${MAX_IMAGE_BYTES + 1}` };
    const server = await serve((_request, response) => response.writeHead(206, headers).end(PNG));

    expect(await failureOf(look(server.origin))).toMatchObject({ name: 'ImageTooLarge' });
  });

  it.each([400, 401, 403, 405, 416])(
    'asks once more without a Range where a server refuses it with %i',
    async (status) => {
      const server = await serve(({ headers }, response) =>
        headers.range ? response.writeHead(status).end() : response.end(OTHER_PNG),
      );
      expect(await look(server.origin)).toMatchObject({ contentType: 'image/png' });
      expect(server.received.map(({ headers }) => headers.range)).toEqual(['bytes=0-4099', undefined]);
    },
  );

  it('says what it is to servers that ask for it', async () => {
    const server = await serve(({ headers }, response) =>
      /^cutout\b/.test(headers['user-agent'] ?? '') ? response.end(PNG) : response.writeHead(403).end(),
    );
    expect(await look(server.origin)).toMatchObject({ contentType: 'image/png' });
  });

  it.each([401, 403, 451])('says that the server refuses what is answered %i', async (status) => {
    const server = await serve((_request, response) => response.writeHead(status).end(PNG));
    const error = await failureOf(look(`${server.origin}/cat.jpg?token=secret`));

    expect(error).toMatchObject({ name: 'ImageRefused' });
    expect(error.message).toContain(`The server of ${server.origin}/cat.jpg refused (${status}).`);
    expect(error.message).not.toContain('Upload the image again');
  });

  it('reads a JPEG anew for its frame header, also where no Range is taken', async () => {
    const preview = Buffer.concat([Buffer.of(0xff, 0xed, 0xff, 0xff), Buffer.alloc(65_533)]);
    const file = Buffer.concat([CAT.subarray(0, 2), preview, CAT.subarray(2)]);
    const server = await serve(({ headers }, response) =>
      headers.range ? response.writeHead(405).end() : response.end(file),
    );
    expect(await look(server.origin)).toMatchObject({ contentType: 'image/jpeg', size: file.length });
    expect(server.received).toHaveLength(4);
  });

  it.each([404, 410])('does not find an image that is answered %i', async (status) => {
    const server = await serve((_request, response) => response.writeHead(status).end(PNG));
    const error = await failureOf(look(`${server.origin}/cat.jpg?token=secret`));

    expect(error).toMatchObject({ name: 'ImageNotFound' });
    expect(error.message).toContain(`${server.origin}/cat.jpg is not there (${status})`);
  });

  it.each([408, 425, 429, 500, 503])('may find an image later that is answered %i now', async (status) => {
    const server = await serve((_request, response) => response.writeHead(status).end(PNG));
    expect(await failureOf(look(`${server.origin}/cat.jpg`))).toMatchObject({ name: 'DownloadFailed' });
  });

  it('may find an image later whose server breaks the connection or does not exist now', async () => {
    const broken = await serve((request) => request.socket.destroy());
    expect(await failureOf(look(broken.origin))).toMatchObject({ name: 'DownloadFailed' });

    const error = await failureOf(look('https://nowhere.invalid/cat.jpg?token=secret'));
    expect(error).toMatchObject({ name: 'DownloadFailed' });
    expect(error.message).toContain('https://nowhere.invalid/cat.jpg could not be fetched');
  });

  it('follows a redirect', async () => {
    const target = await serveBytes(PNG);
    const server = await serve((_request, response) => response.writeHead(302, { location: target.origin }).end());

    expect(await look(server.origin)).toMatchObject({ source: { imageUrl: server.origin }, contentType: 'image/png' });
  });

  it('follows only so many redirects', async () => {
    const server = await serve((_request, response) => response.writeHead(302, { location: '/again' }).end());

    expect(await failureOf(look(server.origin))).toMatchObject({ name: 'ImageRefused' });
    expect(server.received).toHaveLength(11);
  });

  it.each(['file:///etc/passwd', 'ftp://127.0.0.1/cat.png', 'data:image/png;base64,iVBORw0KGgo='])(
    'refuses to be redirected to %s',
    async (location) => {
      const server = await serve((_request, response) => response.writeHead(302, { location }).end());
      const error = await failureOf(look(server.origin));

      expect(error).toMatchObject({ name: 'InvalidInput' });
      expect(error.message).toContain('must be an https URL');
    },
  );

  it('sends nothing to a plain http address unless the gateway has one too', async () => {
    const server = await serveBytes(PNG);
    const error = await failureOf(look(`${server.origin}/cat.png?token=secret`, GATEWAY));

    expect(error).toMatchObject({ name: 'InvalidInput' });
    expect(error.message).toContain('must be an https URL, not http:');
    expect(server.received).toEqual([]);
  });

  it.each(['s3://uploads/cat.png', 'file:///etc/passwd', 'data:image/png;base64,iVBORw0KGgo='])(
    'refuses %s, whatever the gateway has',
    async (imageUrl) => {
      for (const gatewayUrl of [GATEWAY, LOCAL_GATEWAY]) {
        expect(await failureOf(look(imageUrl, gatewayUrl))).toMatchObject({ name: 'InvalidInput' });
      }
    },
  );
});
