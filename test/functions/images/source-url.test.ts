import { describe, expect, it } from 'vitest';
import { MAX_IMAGE_BYTES } from '../../../functions/images/check.ts';
import { lookAt } from '../../../functions/images/source.ts';
import { CAT, PNG } from '../../pictures.ts';
import { failureOf } from '../failure-of.ts';
import { startS3 } from '../s3.ts';
import { serve, serveBytes } from '../servers.ts';

const GATEWAY = 'https://gateway.example';
/** The gateway of a local run, where plain http is allowed. */
const LOCAL_GATEWAY = 'http://127.0.0.1:8080';
/** Another picture than {@link PNG}, and more of it than is looked at. */
const OTHER_PNG = Buffer.concat([PNG, Buffer.alloc(10_000, 'x')]);

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
