import assert from 'node:assert/strict';
import type { Said } from '../target/target.ts';

/** A command must have ended well, and have said this. */
export function says({ output, exitCode }: Said, expected: RegExp): void {
  assert.match(output, expected);
  assert.equal(exitCode, 0, output);
}
