import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalCloud } from '../../local/cloud.ts';
import { picture } from '../pictures.ts';
import { startCloud } from '../pipeline-rig.ts';
import { runCommand } from './run-command.ts';

/** `npm run backfill` as a person runs it, against the deployed stack on this machine. */
let cloud: LocalCloud;
beforeAll(async () => {
  const photos = { versioned: true, eventBridge: false };
  cloud = await startCloud({ settings: { uploadsBucket: 'photos' }, existingBuckets: { photos } });
  for (const key of ['a/1.jpg', 'a/2.jpg', 'b/3.jpg']) cloud.s3.put('photos', key, await picture(100));
  cloud.s3.put('photos', 'a/text.jpg', Buffer.from('no picture'));
});
afterAll(() => cloud?.close());

const run = (...args: string[]) => runCommand(cloud, 'backfill', ...args);

describe('npm run backfill', () => {
  it('without --go says how many images there are and what they cost, and submits nothing', async () => {
    const { output, exitCode } = await run('--prefix', 'a/', '--dry-run');
    expect(output).toContain('with the input {"prefix":"a/","dryRun":true}');
    expect(output).toContain(
      '3 objects looked at, 3 images without a result: submitting 3 costs $0.054 at the gateway.',
    );
    expect(output).toContain('Nothing was submitted. Add --go to do it.');
    expect(exitCode).toBe(0);
    expect(cloud.gateway.accepted).toBe(0);
  });

  it('shows how far it is, and says at the end what came of it and where the report lies', async () => {
    const { output, exitCode } = await run('--prefix', 'a/', '--tolerated-failures', '50', '--go');
    expect(output).toContain('3 of 3 images done, 1 failed');
    expect(output).toContain(
      '2 delivered; 0 superseded; 0 already handled by their own executions; 1 NotAnImage failed.',
    );
    const [, key = ''] = new RegExp(`Report: s3://${cloud.resultsBucket}/(\\S+)`).exec(output) ?? [];
    expect(cloud.s3.get(cloud.resultsBucket, key)?.body.toString()).toContain('"key": "a/text.jpg"');
    expect(exitCode).toBe(0);
    expect(cloud.s3.list(cloud.resultsBucket, 'a/')).toEqual(['a/1.jpg.png', 'a/2.jpg.png', 'a/text.jpg.error.json']);
  });

  it('fails with what went wrong, in words', async () => {
    const tooMany = await run('--prefix', 'a/', '--retry-failed', '--tolerated-failures', '0', '--go');
    expect(tooMany.output).toMatch(
      /\nThe backfill failed with TooManyFailures: 3 objects .* 1 NotAnImage failed\. Stopped.* See s3:/,
    );
    const wrong = await run('--max-images', '0');
    expect(wrong.output).toContain('The backfill failed with InvalidInput: ');
    expect(wrong.output).toContain('"maxImages" must be at least 1');
    const typo = await run('--max-images', 'ten');
    expect(typo.output).toBe('--max-images must be a number, not "ten"\n');
    expect([tooMany.exitCode, wrong.exitCode, typo.exitCode]).toEqual([1, 1, 1]);
  });
});
