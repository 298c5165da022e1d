import { describe, expect, it } from 'vitest';
import { parseSince } from '../../../commands/shared/deployment.ts';

describe('--since', () => {
  it('takes a time, or how long ago', () => {
    const now = Date.parse('2026-11-22T12:00:00Z');
    expect(parseSince('2026-11-22T08:00Z', now).toISOString()).toBe('2026-11-22T08:00:00.000Z');
    expect(parseSince('90m', now).toISOString()).toBe('2026-11-22T10:30:00.000Z');
    expect(parseSince('3d', now).toISOString()).toBe('2026-11-19T12:00:00.000Z');
    expect(() => parseSince('yesterday', now)).toThrow('--since must be a time');
  });
});
