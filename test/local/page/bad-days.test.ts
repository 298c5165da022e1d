import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { ItemUpdate } from '../../../local/dynamodb.ts';
import { DAYS } from '../../../local/page/bad-days.ts';
import type { Row } from '../../../local/page/content.ts';
import { CAT, picture } from '../../pictures.ts';
import { until } from '../../until.ts';
import { controlsOf, countOf, type Run, rowAfter, rowsOf, startRun } from './rig.ts';

let run: Run;
beforeAll(async () => {
  run = await startRun();
});
afterAll(() => run?.cloud.close());

/** The errors of the attempts that failed, by state. */
const failuresOf = ({ states }: ReturnType<typeof rowsOf>[number]) =>
  states.flatMap(({ name, notes }) =>
    notes.flatMap((note) => (note.type === 'failure' ? `${name}: ${note.error}` : [])),
  );

/** Drops a picture on a day. */
async function drop(run: Run, day: string, name = 'cat.jpg'): Promise<Row> {
  await run.desk.choose({ day });
  return rowAfter(run, name, CAT);
}

describe('on a bad day, the row of an image says what was sent and paid', () => {
  it('with polling', async () => {
    const expected: Record<string, { sent: number; paid: number; failures: string[] }> = {
      documented: { sent: 1, paid: 1, failures: [] },
      busy: { sent: 3, paid: 1, failures: ['Submit: TooManyRequests', 'Submit: TooManyRequests'] },
      error: { sent: 3, paid: 1, failures: [] },
      lost: { sent: 2, paid: 2, failures: ['Submit: OutcomeUnknown'] },
      cut: { sent: 1, paid: 1, failures: ['Deliver: DownloadFailed'] },
      closes: { sent: 1, paid: 1, failures: [] },
    };
    for (const [day, { failures, ...count }] of Object.entries(expected)) {
      const row = await drop(run, day);
      expect(row.status, day).toBe('SUCCEEDED');
      expect(countOf(row), day).toEqual(count);
      expect(failuresOf(row), day).toEqual(failures);
      expect(row.day, day).toBe(day === 'documented' ? undefined : DAYS.find(({ id }) => id === day)?.title);
      expect(row.result?.place, day).toMatch(/^s3:\/\/.*\/cat(-\d)?\.jpg\.png$/);
    }
    expect(rowsOf(run.desk).map(({ title }) => title)).toEqual([
      'cat.jpg',
      'cat-2.jpg',
      'cat-3.jpg',
      'cat-4.jpg',
      'cat-5.jpg',
      'cat-6.jpg',
    ]);
    const { sent, paid } = controlsOf(run.desk);
    expect({ sent, paid }).toEqual({ sent: run.cloud.gateway.submissions.length, paid: run.cloud.gateway.charged });
    expect({ sent, paid }).toEqual({ sent: 11, paid: 7 });
  });

  it('with webhook, where the callback saves the second payment of a lost answer', async () => {
    const run = await startRun({ settings: { webhook: true }, callbackTimeoutMs: 200 });
    const { cloud } = run;
    onTestFinished(() => cloud.close());
    // However soon it is tried again here, the callback has come by then.
    let opened = 0;
    Object.assign(cloud.dynamoDb ?? {}, {
      onRequest: async ({ UpdateExpression = '' }: ItemUpdate) => {
        if (!UpdateExpression.includes('capability') || ++opened !== 2) return;
        await until(() => cloud.gateway.webhookCalls.some(({ status }) => status === 204) || undefined);
      },
    });
    const lost = await drop(run, 'lost');
    expect(countOf(lost)).toEqual({ sent: 1, paid: 1 });
    expect(failuresOf(lost)).toEqual(['Submit: OutcomeUnknown']);
    expect(lost.states[1]).toMatchObject({
      name: 'Await callback',
      notes: [{ type: 'wait', kind: 'callback', askedMs: 300_000 }, { text: 'The callback had come before' }],
    });

    const uncalled = await drop(run, 'webhook-lost');
    expect(uncalled.status).toBe('SUCCEEDED');
    expect(countOf(uncalled)).toEqual({ sent: 1, paid: 1 });
    expect(failuresOf(uncalled)).toEqual(['Await callback: States.Timeout']);
  });
});

describe('an empty wallet', () => {
  it('fails an image until another day is chosen and it is redriven', async () => {
    const failed = await drop(run, 'wallet', 'poor.jpg');
    expect(failed).toMatchObject({
      status: 'FAILED',
      day: 'Empty wallet',
      error: {
        name: 'InsufficientBalance',
        cause: expect.stringMatching(/^The gateway answered 402 /),
        remedy: "Top up the gateway's wallet, then redrive the execution.",
        file: `s3://${run.cloud.resultsBucket}/poor.jpg.error.json`,
        redriveHelps: true,
        redrivePays: true,
      },
    });
    expect(failed.error?.cause).not.toContain('Top up');
    expect(countOf(failed)).toEqual({ sent: 1, paid: 0 });

    run.desk.redrive(failed.name);
    await run.cloud.settled();
    const row = () => rowsOf(run.desk).find(({ name }) => name === failed.name);
    expect(row()).toMatchObject({
      status: 'FAILED',
      submissions: [{ isPaid: false }, { isPaid: false }],
    });

    await run.desk.choose({ day: 'documented' });
    run.desk.redrive(failed.name);
    await run.cloud.settled();
    expect(row()).toMatchObject({ status: 'SUCCEEDED', day: undefined, error: undefined });
    const states = row()?.states.map(({ name, isRedriven }) => (isRedriven ? `again ${name}` : name)) ?? [];
    expect(states.slice(0, 4)).toEqual(['Submit', 'again Submit', 'again Submit', 'Wait']);
    // In between, it is polled as often as it takes.
    expect(states.at(-1)).toBe('Deliver');
    expect(() => run.desk.redrive(failed.name)).toThrow(/cannot be redriven/);
  });
});

describe('a day', () => {
  it('is that of the start: what is chosen later is for other images', async () => {
    const { submissions } = run.cloud.gateway;
    const before = submissions.length;
    await run.desk.choose({ day: 'busy' });
    run.desk.upload('a.png', await picture(1));
    await until(() => submissions.length > before || undefined);
    expect(countOf(await drop(run, 'documented', 'b.png'))).toEqual({ sent: 1, paid: 1 });
    expect(rowsOf(run.desk).flatMap((row) => (row.title === 'a.png' ? countOf(row) : []))).toEqual([
      { sent: 3, paid: 1 },
    ]);
  });

  it('is also for what nobody on the page sent, and begins anew when it is chosen', async () => {
    const { cloud, desk } = run;
    const rows = rowsOf(desk).length;
    await desk.choose({ day: 'busy' });
    const submit = async () => {
      const url = `${cloud.gateway.url}/bria-rmbg-2-0-682/v1/bria-rmbg-2-0-request`;
      const headers = { 'content-type': 'application/json', 'ocp-apim-subscription-key': 'local-api-key' };
      const body = JSON.stringify({ image_url: 'https://example.com/cat.jpg' });
      return (await fetch(url, { method: 'POST', headers, body })).status;
    };
    expect([await submit(), await submit(), await submit()]).toEqual([429, 429, 202]);
    await desk.choose({ day: 'busy' });
    expect(await submit()).toBe(429);
    expect(rowsOf(desk)).toHaveLength(rows);
    await expect(desk.choose({ day: 'doomsday' })).rejects.toThrow('There is no such day');
  });
});
