import { type AddressInfo, createServer } from 'node:net';
import sharp from 'sharp';
import { onTestFinished } from 'vitest';
import { type Medium, openMedium } from '../../../functions/results/medium.ts';
import type { CdnBehaviour, GatewaySimulator } from '../../../local/gateway.ts';
import { paddedPng } from '../../../local/png.ts';
import { PNG } from '../../pictures.ts';
import { serve, serveBytes, startSimulator } from '../servers.ts';

/** Results as a CDN may send them. */

/** A picture that takes more than one read, and more than is looked at first. */
export const PICTURE = Buffer.concat([...paddedPng(300_000)]);
export const JPEG = await sharp(PNG).jpeg().toBuffer();
export const WEBP = await sharp(PNG).webp().toBuffer();
export const GIF = await sharp(PNG).gif().toBuffer();
/** What a HEIC picture begins with. */
export const HEIC = Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1');
export const PSD = Buffer.from('8BPS\0\x01\0\0\0\0\0\0\0\x03', 'latin1');
export const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
export const ID3_TAG = Buffer.from('ID3\x04\0\0\0\0\0\x02ab', 'latin1');

/** A CDN that has this picture for a result. */
export async function startCdn(picture = PICTURE): Promise<{ cdn: GatewaySimulator; url: string }> {
  const cdn = await startSimulator();
  const image = await serveBytes(picture);
  const response = await fetch(`${cdn.url}/bria-rmbg-2-0-682/v1/bria-rmbg-2-0-request`, {
    method: 'POST',
    headers: { 'ocp-apim-subscription-key': 'good-key', 'content-type': 'application/json' },
    body: JSON.stringify({ image_url: `${image.origin}/cat.png` }),
  });
  const { request_id } = (await response.json()) as { request_id: string };
  const status = await fetch(`${cdn.url}/v2/requests/status/${request_id}`, {
    headers: { 'ocp-apim-subscription-key': 'good-key' },
  });
  const { output } = (await status.json()) as { output: { media_url: [string] } };
  return { cdn, url: output.media_url[0] };
}

/** Opens the result of a CDN that behaves so. */
export async function openFrom(...behaviours: CdnBehaviour[]): Promise<Medium> {
  const { cdn, url } = await startCdn();
  cdn.nextDownloads(...behaviours);
  return openMedium(url, [cdn.cdnUrl]);
}

/** Reads what a server sends as a result, with a length that fits unless other headers are given. */
export async function readFrom(body: Buffer, place?: 'first' | 'further', headers: Record<string, string> = {}) {
  const server = await serve((_request, response) => {
    const length = 'transfer-encoding' in headers ? {} : { 'content-length': body.length };
    response.writeHead(200, { ...length, ...headers }).end(body);
  });
  const medium = await openMedium(`${server.origin}/output.png`, [server.origin], place);
  return { ...medium, body: await read(medium) };
}

/** A server that writes these bytes as its answer, and closes the connection. */
export async function serveRaw(head: string, body: Buffer): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n`), body])));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export async function read({ bytes }: Medium): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}
