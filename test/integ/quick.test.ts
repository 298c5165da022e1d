import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelId } from '../../local/gateway/job.ts';
import { SUBMIT_PATH } from '../../local/gateway/pixazo.ts';
import type { Outcome } from './case.ts';
import { CASES } from './cases/table.ts';
import { IntegCommand } from './command.ts';
import { LocalPlatform } from './platforms/local.ts';
import { runCases } from './run.ts';
import { Target } from './target/target.ts';

/** The quick cases of npm run integ, on the local services: the stack's own functions, gateway included, and its definitions. */
const QUICK = CASES.filter(({ quick }) => quick);
const API_KEY = 'some-api-key';

const platform = new LocalPlatform();
let target: Target;
let outcomes: Outcome[];

beforeAll(async () => {
  await platform.deploy();
  target = await Target.of(platform);
  await target.gateway.setApiKeys(API_KEY);
  await target.setApiKey(API_KEY);
  outcomes = await runCases(target, QUICK, { onOutcome: () => {}, signal: new AbortController().signal });
}, 600_000);
afterAll(async () => {
  target?.close();
  await platform.destroy();
});

describe('on the local services', () => {
  it.each(QUICK.map(({ name }) => name))('%s', (name) => {
    const { outcome, note } = outcomes.find((each) => each.name === name) ?? {};
    expect(outcome, note).toBe('ran');
  });

  it('nothing was done that IAM would refuse by the policies of the template', async () => {
    expect((await platform.denials()).denials).toEqual([]);
  });
});

describe('the gateway behind a function URL', () => {
  const ask = (path: string, init: RequestInit = {}, key = API_KEY) =>
    fetch(target.output('GatewayUrl') + path, {
      redirect: 'manual',
      ...init,
      headers: { 'content-type': 'application/json', 'ocp-apim-subscription-key': key, ...init.headers },
    });
  const submit = (image_url: string, key?: string) =>
    ask(SUBMIT_PATH, { method: 'POST', body: JSON.stringify({ image_url }) }, key);

  beforeAll(() => target.gateway.setApiKeys(API_KEY));

  it('answers as documented: 202, 400, 401, and 404 for a request that it does not know', async () => {
    const accepted = await submit('https://example.com/cat.jpg');
    expect(accepted.status).toBe(202);
    const { request_id, status, polling_url } = (await accepted.json()) as Record<string, string>;
    expect([request_id, status]).toEqual([expect.stringMatching(`^${modelId}_[0-9a-f-]{36}$`), 'QUEUED']);
    expect(polling_url).toBe(`${target.output('GatewayUrl')}/v2/requests/status/${request_id}`);
    expect((await submit('no URL')).status).toBe(400);
    expect((await submit('https://example.com/cat.jpg', 'wrong')).status).toBe(401);
    expect((await ask(`/v2/requests/status/${modelId}_nobody`)).status).toBe(404);
    expect((await ask(`/v2/requests/status/${request_id}`, {}, 'wrong')).status).toBe(401);
    expect((await ask(`/v2/requests/status/${request_id}`)).status).toBe(200);
  });

  it.each([
    ['html', 200],
    ['redirect', 307],
    ['accept-then-500', 500],
    ['no-request-id', 202],
    [{ status: 402 }, 402],
    [{ status: 429, headers: { 'retry-after': '11' } }, 429],
  ] as const)('answers a submission with %j if it is to', async (behaviour, status) => {
    const token = `case-${Math.random().toString(16).slice(2, 14).padEnd(12, '0')}`;
    await target.gateway.set(token, { submits: [behaviour] });
    const answer = await submit(`https://example.com/${token}/cat.jpg`);
    expect(answer.status).toBe(status);
    expect((await submit(`https://example.com/${token}/cat.jpg`)).status).toBe(202);
  });

  it('fails a job for good whose image it could not fetch', async () => {
    const { request_id } = (await (await submit('http://127.0.0.1:9/cat.jpg')).json()) as { request_id: string };
    const look = async () => (await (await ask(`/v2/requests/status/${request_id}`)).json()) as Record<string, unknown>;
    await expect.poll(look, { timeout: 20_000 }).toMatchObject({ status: 'FAILED', output: null });
    expect(await look()).toMatchObject({ error: expect.stringContaining('Could not fetch the image') });
  });
});

describe('npm run integ -- --go at an AWS-compatible endpoint', { timeout: 120_000 }, () => {
  it('uses the stack that the CDK CLI deploys there, and reports what it could not look at', async () => {
    const integ = new IntegCommand();
    // The CDK CLI finds the stack deployed, as at a second run over one that was left.
    integ.cdkThat({});
    // One that names a queue, whose URL is AWS's and not the endpoint's.
    const only = ['--only', 'Dead letters that are moved back'];
    const { output, exitCode } = integ.start(['--go', '--keep', ...only], platform.environment);
    expect(await exitCode, output()).toBe(0);
    expect(output()).toMatch(/^✓ +\d+\.\d s {2}Dead letters that are moved back are processed$/m);
    const { outcomes, notTried, denials, unseen } = integ.report;
    expect([outcomes.length, notTried, denials]).toEqual([1, [], []]);
    expect(unseen.join()).toContain('function logs: ');
    expect(integ.commands).toEqual(['deploy']);
  });
});
