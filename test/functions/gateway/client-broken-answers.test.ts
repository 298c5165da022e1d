import { describe, expect, it } from 'vitest';
import { failureOf } from '../failure-of.ts';
import { serve } from '../servers.ts';
import { gatewayAt, IMAGE_URL, refusalOf, start } from './client-rig.ts';

describe('an answer that the documentation does not know', () => {
  it('that does not come in time leaves the outcome open', async () => {
    const { simulator } = await start();
    simulator.nextSubmits('accept-then-hang');
    const error = await failureOf(gatewayAt(simulator.url, { timeoutMs: 50 }).submit(IMAGE_URL));

    expect(error).toMatchObject({ name: 'OutcomeUnknown' });
    expect(error.message).toContain('did not answer within 0.05 s');
  });

  it('that begins and never ends leaves the outcome open', async () => {
    const server = await serve((_request, response) => response.writeHead(202).write('{"request_id":'));
    const error = await failureOf(gatewayAt(server.origin, { timeoutMs: 200 }).submit(IMAGE_URL));

    expect(error).toMatchObject({ name: 'OutcomeUnknown' });
  });

  it('that is cut off leaves the outcome open', async () => {
    const server = await serve((request, response) => {
      response.writeHead(202, { 'content-length': 100 }).write('{"request_id":"id-1"}', () => request.socket.destroy());
    });

    expect(await failureOf(gatewayAt(server.origin).submit(IMAGE_URL))).toMatchObject({ name: 'OutcomeUnknown' });
  });

  it('that is a broken connection leaves the outcome open, also if the image was accepted', async () => {
    const { simulator, gateway } = await start();
    for (const behaviour of ['reset', 'accept-then-reset'] as const) {
      simulator.nextSubmits(behaviour);
      const error = await failureOf(gateway.submit(IMAGE_URL));
      expect(error).toMatchObject({ name: 'OutcomeUnknown' });
      expect(error.name).toBe('OutcomeUnknown');
    }
    expect(simulator.charged).toBe(1);
  });

  it('that is a web page leaves the outcome open', async () => {
    const { simulator, gateway } = await start();
    simulator.nextSubmits('html');
    const error = await failureOf(gateway.submit(IMAGE_URL));

    expect(error).toMatchObject({ name: 'OutcomeUnknown' });
    expect(error.message).toContain('The gateway answered 200 with text/html and without a request_id');
  });

  it('that has no request id leaves the outcome open', async () => {
    const { simulator, gateway } = await start();
    simulator.nextSubmits('no-request-id');

    expect(await failureOf(gateway.submit(IMAGE_URL))).toMatchObject({ name: 'OutcomeUnknown' });
    expect(simulator.charged).toBe(1);
  });

  it.each(['..', '.', 'a/b', '../../secrets', 'a?b', 'a#b', 'a%2Fb', '', ' ', 'a\nb', 'x'.repeat(201), 7, null, {}])(
    'that has the request id %j is not believed, since a status URL is built from it',
    async (request_id) => {
      const error = await refusalOf({ status: 202, body: { request_id, status: 'QUEUED' } });
      expect(error).toMatchObject({ name: 'OutcomeUnknown' });
    },
  );

  it('that redirects is not followed, and the key stays where it is', async () => {
    const { simulator, gateway } = await start();
    const { requestId } = await gateway.submit(IMAGE_URL);
    simulator.nextSubmits('redirect');
    simulator.nextStatuses({ status: 302, headers: { location: `${simulator.cdnUrl}/elsewhere` } });

    expect(await failureOf(gateway.submit(IMAGE_URL))).toMatchObject({ name: 'OutcomeUnknown' });
    expect(await failureOf(gateway.status(requestId))).toMatchObject({ name: 'OutcomeUnknown' });
    expect(simulator.cdnRequests).toEqual([]);
  });

  it('that is far longer than any of the gateway, and ends with the connection, is read or refused', async () => {
    const server = await serve((_request, response) => {
      const padding = 'x'.repeat(lengths[server.received.length - 1] ?? 0);
      response.setHeader('connection', 'close').end(`{"request_id":"id-1","status":"QUEUED","padding":"${padding}"}`);
    });
    // The sizes at which Node's fetch dies, where whoever reads pauses; an error that nobody catches fails the tests.
    const lengths = Array.from({ length: 60 }, (_, n) => 50_000 + n * 6_000);
    for (const length of lengths) {
      const outcome = await gatewayAt(server.origin)
        .status('id-1')
        .catch((error: Error) => error);
      if (length < 256_000) expect(outcome).toMatchObject({ requestId: 'id-1', status: 'QUEUED' });
      else if (length > 262_144) expect(outcome).toMatchObject({ name: 'OutcomeUnknown' });
    }
  });

  it('that is far too long is not read to its end', async () => {
    let sent = 0;
    const server = await serve((_request, response) => {
      response.writeHead(202, { 'content-type': 'application/json' }).write('{"request_id":"id-1","padding":"');
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536))) sent += 65_536;
      };
      response.on('drain', more);
      more();
    });
    const error = await failureOf(gatewayAt(server.origin).submit(IMAGE_URL));

    expect(error).toMatchObject({ name: 'OutcomeUnknown' });
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });
});
