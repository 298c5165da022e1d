import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { GatewayEvent } from '../../../local/gateway.ts';
import { until } from '../../until.ts';
import { closeGateways, document, gateway, start, submitted, website } from './rig.ts';

closeGateways();

describe('a note on a job', () => {
  it("is what the picture operation said of it, and shows in none of the gateway's answers", async () => {
    await start({
      cutOut: async (image, say) => {
        say('rather dark');
        return image;
      },
    });
    const id = await submitted();
    expect(await document(id)).toMatchObject({ status: 'COMPLETED', error: null });
    expect(JSON.stringify(await document(id))).not.toContain('dark');
    expect(gateway.noteOf(id)).toBe('rather dark');
    expect([gateway.noteOf('another'), gateway.noteOf(undefined)]).toEqual([undefined, undefined]);
  });
});

describe('webhooks', () => {
  const hook = () => ({ 'x-webhook-url': `${website.url}/hook?token=t` });

  it.each(['COMPLETED', 'FAILED', 'ERROR'] as const)('posts the status document of a %s job', async (outcome) => {
    await start({ durationMs: 5 });
    gateway.nextOutcomes(outcome);
    const id = await submitted(undefined, hook());
    await until(() => gateway.webhookCalls[0]?.status === 200);

    expect(website.hooks()).toEqual([await document(id)]);
    expect(website.received.at(-1)).toMatchObject({ method: 'POST', url: '/hook?token=t' });
    expect(website.received.at(-1)?.headers).toMatchObject({ 'content-type': 'application/json' });
    expect(gateway.job(id)?.status).toBe(outcome);
  });

  it('calls once, whoever learns first that the job has ended', async () => {
    await start({ durationMs: 5 });
    const id = await submitted(undefined, hook());
    await Promise.all([document(id), document(id), pause(20)]);
    await until(() => gateway.webhookCalls[0]?.status === 200);
    expect(gateway.webhookCalls).toHaveLength(1);
  });

  it('notes a failed delivery and does not repeat it', async () => {
    const events: GatewayEvent[] = [];
    await start({ onEvent: (event) => events.push(event) });
    website.answer = 503;
    gateway.always({ outcome: 'NEVER' });
    await gateway.finish(await submitted(undefined, hook()));
    await gateway.finish(await submitted(undefined, { 'x-webhook-url': 'http://127.0.0.1:1/' }));
    await gateway.finish(await submitted(undefined, { 'x-webhook-url': 'nonsense' }));

    expect(gateway.webhookCalls).toMatchObject([
      { status: 503 },
      { error: expect.any(String) },
      { error: expect.any(String) },
    ]);
    expect(website.hooks()).toHaveLength(1);
    expect(events.filter(({ type }) => type === 'webhook')).toMatchObject(Array(3).fill({ delivered: false }));
  });

  it('can be lost or sent twice', async () => {
    await start();
    gateway.always({ outcome: 'NEVER' });
    gateway.nextWebhooks('lose', 'send-twice');
    await gateway.finish(await submitted(undefined, hook()));
    expect(website.hooks()).toHaveLength(0);
    await gateway.finish(await submitted(undefined, hook()));
    expect(website.hooks()).toHaveLength(2);
  });
});
