import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { LocalCloud } from '../../../local/cloud.ts';
import type { Controls, Row } from '../../../local/page/content.ts';
import { PageServer } from '../../../local/page/server.ts';
import { Shortening } from '../../../local/page/shorten.ts';
import { CAT, picture } from '../../pictures.ts';
import { startCloud } from '../../pipeline-rig.ts';
import { until } from '../../until.ts';

let cloud: LocalCloud;
let page: PageServer;
const shortening = new Shortening();
beforeAll(async () => {
  cloud = await startCloud({ settings: { uploadsPrefix: 'in/' } });
  page = await PageServer.start(cloud, { port: 0, shortening, settings: { uploadsPrefix: 'in/' } });
});
afterAll(async () => {
  await page?.close();
  await cloud?.close();
});

const at = (path: string) => new URL(path, page.url);
const put = (path: string, body: Buffer | string = '', headers: Record<string, string> = {}, method = 'PUT') =>
  fetch(at(path), { method, body, headers });

/** What a browser listens to, as it comes. */
async function listen(): Promise<{ controls: () => Controls; rows: () => Row[] }> {
  const rows = new Map<string, Row>();
  let controls: Controls | undefined;
  const aborted = new AbortController();
  onTestFinished(() => aborted.abort());
  const response = await fetch(at('/events'), { signal: aborted.signal });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  void (async () => {
    let text = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const parts = (text + chunk).split('\n\n');
      text = parts.pop() ?? '';
      for (const part of parts) {
        const [, event, data = ''] = /^event: (\w+)\ndata: (.*)$/.exec(part) ?? [];
        if (event === 'controls') controls = JSON.parse(data);
        else if (event) rows.set(JSON.parse(data).arn, JSON.parse(data));
      }
    }
  })().catch(() => undefined);
  await until(() => controls);
  return { controls: () => controls as Controls, rows: () => [...rows.values()] };
}

/** A request that says it is for another host. */
function statusFor(host: string, path = '/'): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(at(path), { headers: { host } }, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end();
  });
}

describe('the page is for this machine alone', () => {
  it('listens on the loopback address, and answers under its own names only', async () => {
    const { port, hostname } = new URL(page.url);
    expect(hostname).toBe('127.0.0.1');
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`]) expect(await statusFor(host), host).toBe(200);
    for (const host of ['evil.example', `evil.example:${port}`, 'localhost', '127.0.0.1:1'])
      for (const path of ['/', '/events', '/samples/cat.jpg']) expect(await statusFor(host, path), host).toBe(403);
  });

  it('takes no orders from other websites, and lets none read', async () => {
    for (const origin of ['https://evil.example', 'null', page.url.replace('http:', 'https:')]) {
      const before = cloud.s3.list(cloud.uploadsBucket).length;
      for (const [path, method] of [
        ...[
          ['/uploads/a.jpg', 'PUT'],
          ['/controls', 'PUT'],
          ['/samples/cat.jpg', 'POST'],
          ['/redrive/x', 'POST'],
        ],
      ] as const) {
        expect((await put(path, '{"day":"busy"}', { origin }, method)).status, `${origin} ${path}`).toBe(403);
      }
      expect(cloud.s3.list(cloud.uploadsBucket)).toHaveLength(before);
    }
    const { headers } = await fetch(page.url, { headers: { origin: 'https://evil.example' } });
    expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    expect((await fetch(page.url, { method: 'OPTIONS' })).status).toBe(404);
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
  });

  it('is one file, which asks nobody else for anything', async () => {
    const response = await fetch(page.url);
    const html = await response.text();
    expect(html).not.toMatch(/<link[^>]+stylesheet|<script[^>]+src=|@import|url\(["']?(?!data:|"data:)[a-z/]/);
    const policy = response.headers.get('content-security-policy');
    expect(policy).toMatch(/^default-src 'none'; script-src 'sha256-[\w+/]+=*';/);
    expect(policy).toContain("frame-ancestors 'none'");
  });

  it('shows whatever was uploaded as a picture, or not at all', async () => {
    const html = '<script>alert(1)</script>';
    cloud.s3.put(cloud.uploadsBucket, 'in/page.html', Buffer.from(html), 'text/html');
    const { headers, status } = await fetch(at(`/objects/${cloud.uploadsBucket}/in/page.html`));
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('application/octet-stream');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toBe("default-src 'none'; sandbox");
    const missing = [
      '/objects/elsewhere/x',
      `/objects/${cloud.uploadsBucket}/nowhere.jpg`,
      '/samples/..%2Fcat.svg',
      '/x',
    ];
    for (const path of missing) expect((await fetch(at(path))).status, path).toBe(404);
    expect((await fetch(at('/objects/%zz'))).status).toBe(400);
  });
});

describe('what one does on it', () => {
  it('uploads under the prefix, each file under a key of its own, and shows the row as it goes', async () => {
    const { rows, controls } = await listen();
    const name = 'Müllers Katze.png';
    for (const red of [1, 2])
      expect((await put(`/uploads/${encodeURIComponent(name)}`, await picture(red))).status).toBe(204);
    expect((await put('/samples/cat.jpg', '', {}, 'POST')).status).toBe(204);
    await until(() => rows().filter(({ status }) => status === 'SUCCEEDED').length === 3 || undefined);
    const delivered = rows().filter(({ status }) => status === 'SUCCEEDED');
    // Which of them begins first is not said.
    expect(delivered.map(({ title }) => title).sort()).toEqual(['Müllers Katze-2.png', name, 'cat.jpg']);
    for (const { after = '', result } of delivered) {
      const response = await fetch(at(after));
      const bytes = Buffer.from(await response.arrayBuffer());
      expect(response.headers.get('content-type')).toBe('image/png');
      expect(bytes).toEqual(
        cloud.s3.get(cloud.resultsBucket, String(result?.place.split('/').slice(3).join('/')))?.body,
      );
    }
    const { before = '' } = delivered.find(({ title }) => title === 'cat.jpg') ?? {};
    expect(Buffer.from(await (await fetch(at(before))).arrayBuffer())).toEqual(CAT);
    await until(() => controls().paid === 3 || undefined);
    expect((await put('/uploads/', CAT)).status).toBe(400);
    expect((await put('/samples/dog.jpg', '', {}, 'POST')).status).toBe(404);
  });

  it('chooses a day, redrives, and shortens waits or not', async () => {
    const { rows, controls } = await listen();
    expect(controls()).toMatchObject({ day: 'documented', shorten: true, webhook: false });
    expect((await put('/controls', '{"day":"wallet","shorten":false}')).status).toBe(204);
    await until(() => controls().day === 'wallet' || undefined);
    expect(shortening.shorten(240_000)).toBe(240_000);
    await put('/uploads/poor.png', await picture(3));
    const poor = () => rows().find(({ title }) => title === 'poor.png');
    await until(() => poor()?.error?.file);
    await put('/controls', '{"day":"documented","shorten":true}');
    expect(shortening.shorten(240_000)).toBe(12_000);
    const path = `/redrive/${poor()?.name}`;
    expect((await put(path, '', {}, 'POST')).status).toBe(204);
    await until(() => poor()?.status === 'SUCCEEDED' || undefined);
    expect((await put(path, '', {}, 'POST')).status).toBe(409);
    expect((await put('/redrive/nobody', '', {}, 'POST')).status).toBe(404);
    expect((await put('/controls', '{"day":"doomsday"}')).status).toBe(400);
    expect((await put('/controls', 'no JSON')).status).toBe(400);
  });

  it('turns webhook on and off, for images that begin from then on', async () => {
    const { rows, controls } = await listen();
    const deploying = put('/controls', '{"webhook":true}');
    await until(() => controls().isDeploying || controls().webhook || undefined);
    expect((await deploying).status).toBe(204);
    await until(() => (controls().webhook && !controls().isDeploying) || undefined);
    await put('/uploads/called.png', await picture(4));
    const called = await until(() =>
      rows().find(({ title, status }) => title === 'called.png' && status === 'SUCCEEDED'),
    );
    expect(called.states.map(({ name }) => name)).toEqual([
      ...['Submit', 'Await callback', 'Check status', 'Finished?', 'Deliver'],
    ]);
    expect((await put('/controls', '{"webhook":false}')).status).toBe(204);
    await put('/uploads/polled.png', await picture(5));
    const polled = await until(() =>
      rows().find(({ title, status }) => title === 'polled.png' && status === 'SUCCEEDED'),
    );
    expect(polled.states[1]?.name).toBe('Wait');
  });
});

describe('its port', () => {
  it('is the one that is asked for, or the next that is free', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void taken.close());
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as AddressInfo;
    const other = await PageServer.start(cloud, { port, shortening });
    onTestFinished(() => other.close());
    expect(Number(new URL(other.url).port)).toBeGreaterThan(port);
    expect((await fetch(other.url)).status).toBe(200);
  });
});
