import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type CloudOptions, LOCAL_API_KEY, type LocalCloud } from '../local/cloud.ts';
import { startCloud } from './pipeline-rig.ts';

/** One cloud for all tests of a file: real bundles, the synthesized state machine, embedded services, HTTP gateway simulator. */
export let cloud: LocalCloud;
export let number = 0;
/** A key that no other test uses. */
export const newKey = (name = 'cat.jpg') => `test-${++number}/${name}`;
export const submissions = () => cloud.gateway.accepted;

/** Starts it before the first test of a file. */
export function shareCloud(options?: CloudOptions): void {
  beforeAll(async () => {
    cloud = await startCloud(options);
  });
  afterEach(() =>
    cloud.gateway.always({ submit: 'accept', status: 'normal', outcome: 'COMPLETED', download: 'normal' }),
  );
  afterAll(() => cloud?.close());
}

/** Has the file's last tests look at all that its other tests have left behind. */
export function checkWhatIsSaid(): void {
  describe('logs, states, error files and metadata', () => {
    it('never hold the API key or a presigned signature', async () => {
      const everything = [
        ...cloud.logs,
        ...cloud.stepFunctions.executions.map((execution) => JSON.stringify(execution)),
        ...cloud.s3.list(cloud.resultsBucket).map((key) => {
          const object = cloud.s3.get(cloud.resultsBucket, key);
          return JSON.stringify(object?.metadata) + (key.endsWith('.json') ? object?.body.toString() : '');
        }),
      ].join('\n');
      expect(everything.length).toBeGreaterThan(10_000);
      expect(everything).not.toContain(LOCAL_API_KEY);
      expect(everything).not.toMatch(/X-Amz-(Signature|Credential)/i);
    });

    it('are JSON lines that carry the identity of the object or the execution', () => {
      const lines = cloud.logs.filter((line) => line.trim() !== '').map((line) => JSON.parse(line));
      // Metrics, in CloudWatch's embedded metric format, are about no single image.
      for (const metric of lines.filter((line) => '_aws' in line)) expect(metric.service).toMatch(/^Cutout-/);
      for (const line of lines.filter((line) => !('_aws' in line))) {
        expect(line.execution ?? line.executionArn ?? line.messageId, line.message).toBeDefined();
      }
    });
  });
}
