import { describe, expect, it } from 'vitest';
import { until } from '../../until.ts';
import { closeGateways, describeAnswer, gateway, start, submit, submitted, website } from './rig.ts';

closeGateways();

describe('closing', () => {
  it('cuts connections that hang and calls off what is under way', async () => {
    await start({ durationMs: 1_000 });
    await submitted(undefined, { 'x-webhook-url': `${website.url}/hook` });
    gateway.nextSubmits('hang');
    gateway.nextDownloads('hang');
    const hanging = [submit(), fetch(`${gateway.cdnUrl}/v1/x/output.png`)].map((request) => describeAnswer(request));
    await until(() => gateway.submissions.length === 2 && gateway.cdnRequests.length === 1);

    const startedAt = performance.now();
    await gateway.close();
    expect(await Promise.all(hanging)).toEqual(['broken', 'broken']);
    expect(performance.now() - startedAt).toBeLessThan(500);
    expect(gateway.webhookCalls).toEqual([]);
  });

  it('may be done twice', async () => {
    await start();
    await gateway.close();
    await gateway.close();
  });
});
