import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { gzipSync } from 'node:zlib';
import { paddedPng } from '../png.ts';
import { type CdnBehaviour, type PaddedPng, webPage } from './behaviour.ts';
import type { CdnRequest } from './pixazo.ts';
import { headersOf, pathOf, type RunningServer, reset, send, startServer } from './server.ts';

const notFound = { status: 404, body: 'Object not found' };

/** Starts the host that results are downloaded from. `behave` is asked once per request. */
export function startCdn(
  pictureAt: (path: string) => Buffer | undefined,
  behave: (request: Omit<CdnRequest, 'at'>) => CdnBehaviour,
): Promise<RunningServer> {
  return startServer(async (request, response) => {
    const path = pathOf(request);
    const behaviour = behave({ method: request.method ?? 'GET', path, headers: headersOf(request) });

    if (behaviour === 'hang') return;
    if (behaviour === 'reset') return reset(request);
    if (behaviour === 'html') return send(response, webPage);
    if (typeof behaviour === 'object') {
      if ('status' in behaviour) return send(response, behaviour);
      if ('redirect' in behaviour) return send(response, { status: 302, headers: { location: behaviour.redirect } });
      return await sendPadded(response, behaviour);
    }

    const picture = pictureAt(path);
    if (picture === undefined) return send(response, notFound);
    if (request.method !== 'GET' && request.method !== 'HEAD') return send(response, { status: 405 });
    await sendPicture(request, response, picture, behaviour);
  });
}

async function sendPicture(
  request: IncomingMessage,
  response: ServerResponse,
  picture: Buffer,
  behaviour: 'normal' | 'cut' | 'chunked' | 'close-delimited' | 'gzip',
): Promise<void> {
  response.setHeader('content-type', 'application/octet-stream');
  response.setHeader('etag', `"${createHash('md5').update(picture).digest('hex')}"`);
  const half = picture.subarray(0, picture.length >> 1);

  if (behaviour === 'gzip' && /\bgzip\b/.test(headersOf(request)['accept-encoding'] ?? '')) {
    const packed = gzipSync(picture);
    response.setHeader('content-encoding', 'gzip');
    response.setHeader('content-length', packed.length);
    response.end(packed);
  } else if (behaviour === 'cut') {
    response.setHeader('content-length', picture.length);
    response.write(half, () => request.socket.destroy());
  } else if (behaviour === 'chunked' || behaviour === 'close-delimited') {
    if (behaviour === 'close-delimited') {
      // Without the first header Node ends the body by closing the connection; the second says so.
      response.removeHeader('transfer-encoding');
      response.setHeader('connection', 'close');
    }
    response.write(half);
    response.end(picture.subarray(half.length));
  } else {
    response.setHeader('content-length', picture.length);
    response.end(picture);
  }
}

/** Sends as many bytes as asked for at the pace of the reader, so that even gigabytes take no memory here. */
async function sendPadded(response: ServerResponse, { bytes, chunked, closes }: PaddedPng): Promise<void> {
  response.setHeader('content-type', 'application/octet-stream');
  if (closes) response.setHeader('connection', 'close');
  if (!chunked) response.setHeader('content-length', bytes);
  await pipeline(Readable.from(paddedPng(bytes)), response);
}
