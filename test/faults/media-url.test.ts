import { expect } from 'vitest';
import type { CdnBehaviour, StatusBehaviour } from '../../local/gateway.ts';
import { CAT } from '../pictures.ts';
import { area } from './area.ts';
import { cutout, fails } from './ends.ts';
import type { Scene } from './scene.ts';

/** Faults of where the results lie: URLs that die, hosts that are not trusted, redirects, several results. */

/** The keys of further results, behind the source's. */
const THREE = ['.png.parts/2.png', '.png.parts/3.png'];

/** What the status endpoint says of a job that was completed so many minutes ago, and whose result lies there. */
function completed(scene: Scene, path: string, minutesAgo = 0): StatusBehaviour {
  const time = new Date(Date.now() - minutesAgo * 60_000).toISOString();
  const output = { media_url: [scene.cloud.gateway.cdnUrl + path], media_type: 'application/octet-stream' };
  return { document: { status: 'COMPLETED', output, completed_at: time } };
}

/** What the CDN answers for the URL that the first poll names; for every other one, the truth. */
const DEAD = '/v1/dead/output.png';
function diesAs(scene: Scene, behaviour: CdnBehaviour): void {
  const isDead = () => scene.cloud.gateway.cdnRequests.at(-1)?.path === DEAD;
  scene.on('download', () => (isDead() ? behaviour : undefined));
}

/** Asserts how often the state Deliver was tried, and that the API key went to the gateway alone. */
function tries(scene: Scene, deliveries: number, polls: number): void {
  const { gateway } = scene.cloud;
  const [downloads, statuses] = [gateway.cdnRequests.length, gateway.statusRequests.length];
  scene.atTheEnd(() => {
    expect(scene.invocations('deliver'), 'invocations of deliver').toBe(deliveries);
    expect(gateway.statusRequests.length - statuses, 'status requests').toBe(polls);
    for (const { headers } of gateway.cdnRequests.slice(downloads)) {
      expect(headers).not.toHaveProperty('ocp-apim-subscription-key');
    }
  });
}

area('A media URL that has died', 'CDN, answer to the GET; gateway, answer to a status request', (fault) => {
  const deaths: [string, CdnBehaviour][] = [
    ['404', { status: 404 }],
    ['410', { status: 410 }],
    ['403', { status: 403 }],
    ['500', { status: 500 }],
    ['a web page that says so', 'html'],
    ['the connection is reset', 'reset'],
    ['the body is cut half-way', 'cut'],
  ];
  for (const [what, behaviour] of deaths) {
    fault(`${what}; the status names another URL`, cutout({ also: 'at the first try' }), (scene) => {
      scene.on('status', (count) => (count === 1 ? completed(scene, DEAD, 600) : 'normal'));
      diesAs(scene, behaviour);
      tries(scene, 1, 2);
    });
  }
  fault('404; the status names another URL after a redrive', cutout({ also: 'not paid again' }), async (scene) => {
    scene.on('status', () => completed(scene, DEAD));
    await scene.upload();
    expect(scene.execution.error).toBe('DownloadFailed');
    expect(scene.invocations('deliver')).toBe(34);
    scene.next('status', 'normal');
    await scene.redrive();
    expect(scene.invocations('deliver')).toBe(35);
  });
  fault('one of three results: 404; the status names others', cutout({ beside: THREE }), (scene) => {
    scene.next('outcome', { mediaCount: 3 });
    scene.on('download', (count) => (count === 3 ? { status: 404 } : undefined));
    tries(scene, 1, 2);
  });

  for (const [what, behaviour] of deaths.slice(0, 2)) {
    fault(
      `${what}, also for the URL that the status names, an hour after completion`,
      fails('ResultExpired', { paid: 1, also: 'at the first try' }),
      (scene) => {
        scene.on('status', () => completed(scene, DEAD, 60));
        diesAs(scene, behaviour);
        tries(scene, 1, 2);
      },
    );
  }
  fault(
    '404; an hour after completion, the status endpoint says 404, too',
    fails('ResultExpired', { paid: 1, also: 'at the first try' }),
    (scene) => {
      scene.on('status', (count) => (count === 1 ? completed(scene, DEAD, 60) : { status: 404 }));
      tries(scene, 1, 2);
    },
  );
  fault(
    '404, and a redrive finds that the result is gone',
    fails('ResultExpired', { paid: 1, also: 'the redrive is over at once' }),
    async (scene) => {
      scene.on('status', () => completed(scene, DEAD, 58));
      await scene.upload();
      expect(scene.execution.error).toBe('DownloadFailed');
      scene.on('status', () => completed(scene, DEAD, 61));
      await scene.redrive();
      expect(scene.invocations('deliver')).toBe(35);
    },
  );
  fault(
    '404, also for the URL that the status names, within the hour',
    fails('DownloadFailed', { paid: 1 }),
    (scene) => {
      scene.on('status', () => completed(scene, DEAD, 58));
      tries(scene, 34, 35);
    },
  );
  fault(
    '503, an hour after completion; the status endpoint says 404',
    fails('DownloadFailed', { paid: 1 }),
    (scene) => {
      scene.on('status', (count) => (count === 1 ? completed(scene, DEAD, 60) : { status: 404 }));
      diesAs(scene, { status: 503 });
      tries(scene, 34, 35);
    },
  );
  fault(
    '404; the URL that the status names is on another host',
    fails('UntrustedResultUrl', { paid: 1, also: 'at the first try' }),
    (scene) => {
      const other = { media_url: ['https://example.com/x.png'] };
      scene.on('status', (count) => (count === 1 ? completed(scene, DEAD) : { document: { output: other } }));
      tries(scene, 1, 2);
    },
  );

  const refusals: [string, StatusBehaviour][] = [
    ['401', { status: 401 }],
    ['500', { status: 500 }],
    ['a web page', 'html'],
    ['404, within the hour', { status: 404 }],
    ['COMPLETED without a result', { document: { status: 'COMPLETED', output: null } }],
    ['FAILED', { document: { status: 'FAILED', error: 'Lost', output: null } }],
  ];
  for (const [what, behaviour] of refusals) {
    fault(`404; the status endpoint says: ${what}, three times`, cutout({ also: 'retried' }), (scene) => {
      scene.on('status', (count) => {
        if (count === 1) return completed(scene, DEAD);
        return count <= 4 ? behaviour : 'normal';
      });
      tries(scene, 4, 5);
    });
  }
  fault('404; the API key is not valid any more', fails('DownloadFailed', { paid: 1, also: 'retried' }), (scene) => {
    scene.on('status', (count) => (count === 1 ? completed(scene, DEAD) : { status: 401 }));
    tries(scene, 34, 35);
  });
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
  fault('the second is cut half-way, once', cutout({ beside: THREE, also: 'and the further ones' }), (scene) => {
    scene.next('outcome', { mediaCount: 3 });
    scene.next('download', 'normal', 'cut');
  });
  fault(
    'the third is never there',
    fails('DownloadFailed', {
      paid: 1,
      beside: THREE.slice(0, 1),
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
    scene.on('download', () => (isSecond(scene) ? { status: 200, body: CAT.subarray(0, -2) } : undefined));
  });
  fault('the first is a JPEG, always', fails('InvalidResult', { paid: 1 }), (scene) => {
    scene.next('outcome', { mediaCount: 2 });
    scene.on('download', () =>
      scene.cloud.gateway.cdnRequests.at(-1)?.path.endsWith('output.png') ? { status: 200, body: CAT } : undefined,
    );
  });
  fault('the first is HTML, always', fails('InvalidResult', { paid: 1 }), (scene) => {
    scene.next('outcome', { mediaCount: 2 });
    scene.on('download', () =>
      scene.cloud.gateway.cdnRequests.at(-1)?.path.endsWith('output.png') ? 'html' : undefined,
    );
  });
});
