import { describe, expect, it } from 'vitest';
import { statesOf, waitsOf } from '../executions.ts';
import { until } from '../until.ts';
import { checkWhatIsSaid, cloud, post, recordOf, shareWebhookCloud, uploadWaiting, WOKEN } from '../webhook-rig.ts';

shareWebhookCloud();

describe('a callback', () => {
  it.each([
    ['a wrong capability', (url: string) => `${url.slice(0, -5)}wrong`],
    ['no capability', (url: string) => url.slice(0, url.lastIndexOf('/'))],
    ['a capability of another length', (url: string) => `${url}A`],
    ['an unknown submission', (url: string) => url.replace(/[^/]+\/([^/]+)$/, 'bm9ib2R5IzE/$1')],
    ['nothing but the address', (url: string) => new URL(url).origin],
  ])('with %s is answered 404, wakes nobody, and learns nothing', async (_, wrong) => {
    const { execution, key, webhookUrl, requestId } = await uploadWaiting();
    const answer = await post(wrong(webhookUrl), JSON.stringify({ request_id: 'forged', status: 'COMPLETED' }));
    expect(answer.status).toBe(404);
    expect(await answer.text()).toBe('');
    expect((await recordOf(execution))?.calledBackAt).toBeUndefined();
    expect(statesOf(execution)).toEqual(['Submit', 'Await callback']);
    await cloud.gateway.finish(requestId);
    await cloud.settled();
    expect(cloud.s3.list(cloud.resultsBucket, key)).toEqual([`${key}.png`]);
  });

  it('that lies changes nothing: the status endpoint is the truth', async () => {
    const { execution, key, webhookUrl, requestId } = await uploadWaiting();
    const forged = {
      request_id: 'somebody-elses',
      status: 'COMPLETED',
      output: { media_url: ['https://evil.com/x.png'] },
    };
    expect((await post(webhookUrl, JSON.stringify(forged))).status).toBe(204);
    await until(() => waitsOf(execution).length > 0 || undefined);
    await cloud.gateway.finish(requestId);
    await cloud.settled();
    expect(JSON.parse(execution.output ?? '')).toMatchObject({ status: 'DELIVERED', requestId });
    expect(cloud.s3.list(cloud.resultsBucket, key)).toEqual([`${key}.png`]);
  });

  it.each<[string, NonNullable<RequestInit['body']>, Record<string, string>]>([
    ['nothing', '', {}],
    ['no JSON', 'status=COMPLETED', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['JSON of another shape', '[[[]]]', { 'content-type': 'application/json' }],
    ['null', 'null', { 'content-type': 'application/json' }],
    ['a request id that climbs', '{"request_id":"../../admin"}', { 'content-type': 'application/json' }],
    ['bytes', Buffer.from([0, 255, 254, 0]), { 'content-type': 'application/octet-stream' }],
    [
      'a megabyte',
      JSON.stringify({ request_id: 'x', padding: 'x'.repeat(1e6) }),
      { 'content-type': 'application/json' },
    ],
  ])('whose body is %s wakes the execution all the same', async (_, body, headers) => {
    const { execution, webhookUrl, requestId } = await uploadWaiting();
    cloud.gateway.always({ webhook: 'lose' });
    await cloud.gateway.finish(requestId);
    expect((await post(webhookUrl, body, headers)).status).toBe(204);
    await cloud.settled();
    expect(statesOf(execution)).toEqual(WOKEN);
    expect((await recordOf(execution))?.requestId).toBeUndefined();
  });

  it('by GET is answered 405', async () => {
    const { execution, webhookUrl } = await uploadWaiting();
    expect((await fetch(webhookUrl)).status).toBe(405);
    cloud.stepFunctions.stop(execution.arn);
    await cloud.settled();
  });
});

checkWhatIsSaid();
