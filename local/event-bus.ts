import { randomUUID } from 'node:crypto';
import { ACCOUNT, REGION } from './template.ts';

/** An event on EventBridge's default bus. */
export interface BusEvent {
  source: string;
  'detail-type': string;
  detail: Record<string, unknown>;
}

interface Rule {
  pattern: Pattern;
  target: (event: BusEvent) => void;
}
type Pattern = { [key: string]: Pattern | Matcher[] };
type Matcher = string | number | boolean | null | { prefix: string } | { suffix: string };

/** EventBridge's default bus, as far as this project's rules need it. */
export class EventBus {
  readonly #rules: Rule[] = [];

  addRule(pattern: unknown, target: (event: BusEvent) => void): void {
    this.#rules.push({ pattern: pattern as Pattern, target });
  }

  put(event: BusEvent): void {
    const full = {
      version: '0',
      id: randomUUID(),
      account: ACCOUNT,
      region: REGION,
      time: new Date().toISOString(),
      resources: [],
      ...event,
    };
    for (const { pattern, target } of this.#rules) if (matches(pattern, full)) target(full);
  }
}

/** Whether an event matches a pattern: each field must match one of its alternatives. */
export function matches(pattern: Pattern, event: unknown): boolean {
  return Object.entries(pattern).every(([field, expected]) => {
    const value = (event as Record<string, unknown> | null)?.[field];
    return Array.isArray(expected) ? expected.some((each) => matchesOne(each, value)) : matches(expected, value);
  });
}

function matchesOne(matcher: Matcher, value: unknown): boolean {
  if (matcher === null || typeof matcher !== 'object') return matcher === value;
  if ('prefix' in matcher) return typeof value === 'string' && value.startsWith(matcher.prefix);
  if ('suffix' in matcher) return typeof value === 'string' && value.endsWith(matcher.suffix);
  throw new Error(`The local event bus does not know the pattern ${JSON.stringify(matcher)}`);
}
