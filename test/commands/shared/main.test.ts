import { getDefaultAutoSelectFamilyAttemptTimeout, setDefaultAutoSelectFamilyAttemptTimeout } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { main } from '../../../commands/shared/main.ts';
import { CONNECT_ATTEMPT_MS } from '../../../functions/runtime/connecting.ts';

it('gives an address of a host as long to connect as the functions do', async () => {
  const before = getDefaultAutoSelectFamilyAttemptTimeout();
  onTestFinished(() => setDefaultAutoSelectFamilyAttemptTimeout(before));
  let limit: number | undefined;
  await main(async () => {
    limit = getDefaultAutoSelectFamilyAttemptTimeout();
  });
  expect(limit).toBe(CONNECT_ATTEMPT_MS);
});
