import { ResourceInUseException } from '@aws-sdk/client-lambda';
import type { LocalQueue } from '../queue.ts';
import type { Clock } from './clock.ts';

/** How long Lambda takes to enable or disable an event source mapping: tens of seconds. */
const CHANGE_MS = 45_000;

interface EventSource {
  queue: LocalQueue;
  /** Whether it is, or is about to be, enabled. */
  isEnabled: boolean;
  isChanging: boolean;
}

/** Lambda's event source mappings by UUID, and the API that enables and disables them. */
export class EventSources {
  readonly #clock: Clock;
  readonly #sources = new Map<string, EventSource>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(uuid: string, queue: LocalQueue): void {
    this.#sources.set(uuid, { queue, isEnabled: true, isChanging: false });
  }

  get areAllEnabled(): boolean {
    return [...this.#sources.values()].every(({ isEnabled }) => isEnabled);
  }

  /** @throws ResourceInUseException as the SDK does */
  answer(operation: string, { UUID = '', Enabled }: { UUID?: string; Enabled?: boolean }): { State: string } {
    const source = this.#sources.get(UUID);
    if (source === undefined) throw new Error(`There is no event source mapping ${UUID}`);
    if (operation === 'UpdateEventSourceMapping') this.#change(source, Enabled === true);
    const { isEnabled, isChanging } = source;
    const [changing, changed] = isEnabled ? ['Enabling', 'Enabled'] : ['Disabling', 'Disabled'];
    return { State: String(isChanging ? changing : changed) };
  }

  #change(source: EventSource, isEnabled: boolean): void {
    if (source.isChanging) {
      throw new ResourceInUseException({ Message: 'in use', message: 'in use', $metadata: { httpStatusCode: 400 } });
    }
    Object.assign(source, { isEnabled, isChanging: true });
    this.#clock.after(CHANGE_MS, () => {
      source.isChanging = false;
      source.queue.isRead = isEnabled;
    });
  }
}
