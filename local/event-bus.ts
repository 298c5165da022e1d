import { randomUUID } from 'node:crypto';
import { matches, type Pattern } from './event-pattern.ts';
import { ACCOUNT, REGION } from './template.ts';

/** An event on EventBridge's default bus. */
export interface BusEvent {
  source: string;
  'detail-type': string;
  detail: Record<string, unknown>;
}

/** An event as its targets get it. */
export interface DeliveredEvent extends BusEvent {
  id: string;
}

interface Rule {
  pattern: Pattern;
  target: (event: DeliveredEvent) => void;
}

/** EventBridge's default bus. */
export class EventBus {
  readonly #rules: Rule[] = [];

  addRule(pattern: unknown, target: (event: DeliveredEvent) => void): void {
    this.#rules.push({ pattern: pattern as Pattern, target });
  }

  /** Takes all rules away. */
  clear(): void {
    this.#rules.length = 0;
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
