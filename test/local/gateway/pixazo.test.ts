import { describe, expect, it } from 'vitest';
import {
  closeGateways,
  describeAnswer,
  document,
  gateway,
  key,
  patience,
  start,
  status,
  submit,
  submitPath,
  submitted,
  website,
} from './rig.ts';

closeGateways();

describe('submissions that go wrong', () => {
  it.each(['hang', 'reset', 'html', 'redirect'] as const)('%s: makes no job', async (behaviour) => {
    await start();
    gateway.nextSubmits(behaviour);
    const outcome = await describeAnswer(submit(undefined, {}, patience(behaviour)));

    expect(outcome).toBe({ hang: 'timeout', reset: 'broken', html: '200 text/html', redirect: '307 ' }[behaviour]);
    expect(gateway.accepted).toBe(0);
  });

  it.each(['accept-then-reset', 'accept-then-hang', 'accept-then-500', 'no-request-id'] as const)(
    '%s: makes a job that is paid for, but does not say which',
    async (behaviour) => {
      await start();
      gateway.nextSubmits(behaviour);
      const outcome = await describeAnswer(submit(undefined, {}, patience(behaviour)));

      expect(outcome).toBe(
        {
          'accept-then-reset': 'broken',
          'accept-then-hang': 'timeout',
          'accept-then-500': '500 application/json',
          'no-request-id': '202 application/json',
        }[behaviour],
      );
      await gateway.tick();
      expect(gateway.charged).toBe(1);
      expect(gateway.job(gateway.submissions[0]?.requestId ?? '')?.status).toBe('COMPLETED');
    },
  );

  it('shows whether a redirect was followed with the key', async () => {
    await start();
    gateway.nextSubmits('redirect');
    await fetch(gateway.url + submitPath, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'ocp-apim-subscription-key': key },
      body: '{}',
    });
    expect(gateway.cdnRequests[0]?.headers).toHaveProperty('ocp-apim-subscription-key', key);
  });

  it('can be told what always holds, also by looking at the submission', async () => {
    await start();
    gateway.always({ submit: ({ imageUrl }) => (imageUrl.endsWith('dog.jpg') ? { status: 403 } : 'accept') });
    gateway.nextSubmits({ status: 429 });

    const answers = [];
    for (const name of ['cat', 'dog', 'cat']) {
      answers.push((await submit(JSON.stringify({ image_url: `${website.url}/${name}.jpg` }))).status);
    }
    expect(answers).toEqual([429, 403, 202]);
  });
});

describe('status requests that go wrong', () => {
  it.each([
    ['hang', 'timeout'],
    ['reset', 'broken'],
    ['html', '200 text/html'],
    [{ status: 429, headers: { 'retry-after': '3' } }, '429 application/json'],
    [{ status: 503, body: 'no' }, '503 text/plain'],
  ] as const)('%j, and then as usual', async (behaviour, expected) => {
    await start();
    const id = await submitted();
    gateway.nextStatuses(behaviour);
    expect(await describeAnswer(status(id, patience(behaviour)))).toBe(expected);
    expect((await status(id)).status).toBe(200);
  });

  it('merges a document over the true one', async () => {
    await start();
    const id = await submitted();
    gateway.nextStatuses({ document: { status: 'SOMETHING_NEW', output: 7 } });
    expect(await document(id)).toMatchObject({ request_id: id, status: 'SOMETHING_NEW', output: 7 });
  });
});
