import { describe, expect, it } from 'vitest';
import { until } from '../../until.ts';
import { closeGateways, describeAnswer, gateway, start, submit, submitted, website } from './rig.ts';

closeGateways();

describe('closing', () => {
  it('cuts connections that hang and calls off what is under way', async () => {
    const underWay = new Set<() => void>();
    const after = (_: number, run: () => void) => {
      underWay.add(run);
      return () => void underWay.delete(run);
    };
    await start({ durationMs: 1_000, clock: { now: () => 0, after } });
    await submitted(undefined, { 'x-webhook-url': `${website.url}/hook` });
    gateway.nextSubmits('hang');
    gateway.nextDownloads('hang');
    const hanging = [submit(), fetch(`${gateway.cdnUrl}/v1/x/output.png`)].map((request) => describeAnswer(request));
    await until(() => gateway.submissions.length === 2 && gateway.cdnRequests.length === 1);
    expect(underWay.size).toBeGreaterThan(0);

    await gateway.close();
    expect(await Promise.all(hanging)).toEqual(['broken', 'broken']);
    expect(underWay.size).toBe(0);
    expect(gateway.webhookCalls).toEqual([]);
  });

  it('may be done twice', async () => {
    await start();
    await gateway.close();
    await gateway.close();
  });
});
