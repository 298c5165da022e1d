import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import { FunctionError, LocalFunction } from '../../local/lambda.ts';

let code: string;
beforeEach(() => {
  code = mkdtempSync(join(tmpdir(), 'cutout-test-'));
});
afterEach(() => rmSync(code, { recursive: true }));

/** A function with this handler, which may use `existsSync` and `threadId`: that of its execution environment. */
function start(handler: string): LocalFunction {
  const source = `import { existsSync } from 'node:fs';
    import { threadId } from 'node:worker_threads';
    export const handler = ${handler};`;
  writeFileSync(join(code, 'index.mjs'), source);
  const made = new LocalFunction({
    name: 'function',
    arn: 'arn:aws:lambda:us-east-1:111122223333:function:function',
    bundle: 'index',
    code,
    handler: 'index.handler',
    environment: {},
    // Starting an environment may take long on a busy machine.
    timeoutSeconds: 60,
    memoryMb: 128,
    onLog: () => undefined,
  });
  onTestFinished(() => made.close());
  return made;
}

it('never runs more than eight execution environments, also when invocations fail while others wait for one', async () => {
  const environments = start(`async (failing) => {
    if (failing) throw new Error(String(threadId));
    return String(threadId);
  }`);
  const invocations = Array.from({ length: 40 }, (_, index) =>
    environments.invoke(index % 2 === 0).catch((error: unknown) => {
      if (error instanceof FunctionError && error.failure.errorType === 'Error') return error.message;
      throw error;
    }),
  );
  const threads = new Set(await Promise.all(invocations));
  expect(threads.size).toBeLessThanOrEqual(8);
});

it('replaces an execution environment that has ended between two invocations', async () => {
  const end = JSON.stringify(join(code, 'end'));
  const environment = start(`async () => {
    setInterval(() => existsSync(${end}) && process.exit(1), 5);
    return threadId;
  }`);
  const first = await environment.invoke({});
  writeFileSync(join(code, 'end'), '');
  await setTimeout(200);
  rmSync(join(code, 'end'));
  const next = await environment.invoke({}).catch((error: unknown) => {
    // On a busy machine it ends only now. What has ended before must not be waited for until the function times out.
    expect(error).toMatchObject({ failure: { errorType: 'Runtime.ExitError' } });
  });
  expect(next).not.toBe(first);
});
