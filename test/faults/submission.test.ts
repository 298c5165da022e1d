import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { expect } from 'vitest';
import type { LocalCloud } from '../../local/cloud.ts';
import { LOCAL_API_KEY } from '../../local/cloud.ts';
import type { SubmitBehaviour } from '../../local/gateway.ts';
import { area } from './area.ts';
import { cutout, fails } from './ends.ts';
import { FOR_EVER } from './injection.ts';
import { IMPATIENT, unresolved } from './options.ts';
import type { Scene } from './scene.ts';

/** Faults between Cutout and the gateway when an image is submitted: what costs money. */

const page = { status: 502, body: '<html><h1>Bad gateway</h1></html>', headers: { 'content-type': 'text/html' } };

/** How often it was tried, and that each try whose outcome is unknown is in the log. */
function always(behaviour: SubmitBehaviour, tries: number) {
  return async (scene: Scene) => {
    const { gateway, logs } = scene.cloud;
    const [before, lines] = [gateway.submissions.length, logs.length];
    scene.repeat('submit', behaviour, FOR_EVER);
    const { error } = await scene.upload();
    expect(gateway.submissions.length - before).toBe(tries);
    const warnings = logs.slice(lines).filter((line) => line.includes('may pay a second time'));
    expect(warnings).toHaveLength(error === 'OutcomeUnknown' ? tries : 0);
  };
}

area('Submitting an image', 'gateway, answer to the POST', (fault) => {
  fault('429 without Retry-After, three times', cutout(), (scene) => scene.repeat('submit', { status: 429 }, 3));
  fault('429 with Retry-After, three times', cutout(), (scene) =>
    scene.repeat('submit', { status: 429, headers: { 'retry-after': '7' } }, 3),
  );
  fault('429 for two hours, then accepted', cutout(), (scene) => scene.repeat('submit', { status: 429 }, 70));
  fault('429 for longer than that', fails('TooManyRequests', { also: 'after 71 tries' }), always({ status: 429 }, 71));
  for (const status of [500, 503]) {
    fault(`${status}, three times`, cutout(), (scene) => scene.repeat('submit', { status }, 3));
    fault(`${status}, always`, fails('OutcomeUnknown', { also: 'after 4 tries, each logged' }), always({ status }, 4));
  }
  fault('502 with a web page, once', cutout(), (scene) => scene.next('submit', page));
  fault('200 with a web page, once', cutout(), (scene) => scene.next('submit', 'html'));
  fault('the connection is reset before the image is accepted', cutout(), (scene) => scene.next('submit', 'reset'));
  fault('the connection is reset after the image was accepted, once', cutout({ paid: 2 }), (scene) =>
    scene.next('submit', 'accept-then-reset'),
  );
  fault(
    'the connection is reset after the image was accepted, always',
    fails('OutcomeUnknown', { paid: 4, also: 'no fifth submission' }),
    always('accept-then-reset', 4),
  );
  fault('500 although the image was accepted, once', cutout({ paid: 2 }), (scene) =>
    scene.next('submit', 'accept-then-500'),
  );
  fault('202 without a request id, once', cutout({ paid: 2 }), (scene) => scene.next('submit', 'no-request-id'));
  fault(
    'a redirect to another host',
    fails('OutcomeUnknown', { also: 'the API key goes nowhere else' }),
    async (scene) => {
      const before = scene.cloud.gateway.cdnRequests.length;
      await always('redirect', 4)(scene);
      expect(scene.cloud.gateway.cdnRequests.length).toBe(before);
    },
  );
  fault('400: the model is disabled', fails('BadRequest', { also: 'at once' }), always({ status: 400 }, 1));
  fault('402: the wallet is empty', fails('InsufficientBalance', { also: 'at once' }), always({ status: 402 }, 1));
  fault('403', fails('Forbidden', { also: 'at once' }), always({ status: 403 }, 1));
  fault('404', fails('NotFound', { also: 'at once' }), always({ status: 404 }, 1));
  fault('401: the API key is not valid', fails('Unauthorized', { also: 'at once' }), always({ status: 401 }, 1));
  fault(
    '401: the API key at hand has been rotated',
    cutout({ also: 'with the new key, without a deploy' }),
    async (scene) => {
      const { cloud } = scene;
      const arn = cloud.template.output('ApiKeySecretArn');
      scene.afterwards(() => {
        cloud.gateway.apiKeys.delete('new-key');
        cloud.gateway.apiKeys.add(LOCAL_API_KEY);
        cloud.secrets.put(arn, LOCAL_API_KEY);
      });
      await scene.upload();
      cloud.gateway.apiKeys.clear();
      cloud.gateway.apiKeys.add('new-key');
      cloud.secrets.put(arn, 'new-key\n');
      cloud.s3.delete(cloud.resultsBucket, `${scene.key}.png`);
      scene.countFromHere();
      const before = cloud.gateway.submissions.length;
      await scene.upload();
      const keys = cloud.gateway.submissions.slice(before).map(({ headers }) => headers['ocp-apim-subscription-key']);
      expect(keys).toEqual([LOCAL_API_KEY, 'new-key']);
    },
  );
});

/** A port in front of the gateway, on which nobody listens until it is opened. */
class Gate {
  #server: Server | undefined;
  readonly port: number;

  static async make(): Promise<Gate> {
    const probe = createServer();
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
    const address = probe.address();
    await new Promise((resolve) => probe.close(resolve));
    if (address === null || typeof address === 'string') throw new Error('There is no port');
    return new Gate(address.port);
  }

  private constructor(port: number) {
    this.port = port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  open(gatewayUrl: string): void {
    this.#server = createServer((socket) => forward(socket, gatewayUrl));
    this.#server.listen(this.port, '127.0.0.1').unref();
  }

  close(): void {
    this.#server?.close();
  }
}

function forward(socket: Socket, gatewayUrl: string): void {
  const onward = connect(Number(new URL(gatewayUrl).port), '127.0.0.1');
  for (const each of [socket, onward]) each.on('error', () => each.destroy());
  socket.pipe(onward).pipe(socket);
}

const gate = await Gate.make();

area(
  'Reaching the gateway',
  'socket of the gateway',
  (fault) => {
    fault('the connection is refused for two hours, then accepted', cutout(), async (scene) => {
      scene.onInvocation('submit', (count) => {
        if (count === 70) gate.open(scene.cloud.gateway.url);
      });
      scene.afterwards(() => gate.close());
    });
    fault('the connection is refused for longer than that', fails('GatewayUnreachable'), () => {});
    fault('the connection is refused for longer, then the execution is redriven', cutout(), async (scene) => {
      expect((await scene.upload()).error).toBe('GatewayUnreachable');
      gate.open(scene.cloud.gateway.url);
      scene.afterwards(() => gate.close());
      await scene.redrive();
    });
  },
  { environment: { GATEWAY_URL: gate.url } },
);

// Open from the start, so that nobody else is given its port: it is its name that cannot be found.
let named: LocalCloud | undefined;
const namedGate = createServer((socket) => forward(socket, named?.gateway.url ?? '')).unref();
await new Promise<void>((resolve) => namedGate.listen(0, '127.0.0.1', resolve));
const { port: namedPort } = namedGate.address() as AddressInfo;

area(
  'Finding the gateway',
  'name resolution in Submit',
  (fault) => {
    fault('its host name does not resolve for two hours, then it does', cutout(), async (scene) => {
      let tries = 0;
      scene.onInvocation('submit', (count) => {
        tries = count;
      });
      named = scene.cloud;
      await scene.upload();
      namedGate.close();
      expect(tries).toBe(71);
    });
  },
  unresolved(`http://gateway.test:${namedPort}`, 70),
);

area(
  'A gateway that does not answer',
  'gateway, the POST; the time limit is shortened',
  (fault) => {
    fault('no answer to a submission, which was not accepted', cutout(), (scene) => scene.next('submit', 'hang'));
    fault('no answer to a submission, which was accepted', cutout({ paid: 2 }), (scene) =>
      scene.next('submit', 'accept-then-hang'),
    );
    fault(
      'no answer to a question for the status',
      cutout(),
      (scene) => scene.next('status', 'hang'),
      'gateway, the status endpoint; the time limit is shortened',
    );
    fault(
      'no answer to a download',
      cutout(),
      (scene) => scene.next('download', 'hang'),
      'CDN; the time limit is shortened',
    );
  },
  IMPATIENT,
);
