import type { DeliveredEvent } from './event-bus.ts';

/** What a rule's target says of its input. */
export interface TargetInput {
  Input?: string;
  InputPath?: string;
  InputTransformer?: { InputPathsMap?: Record<string, string>; InputTemplate: string };
}

/** What a target gets of an event: all of it, a part, or what the rule makes of it; JSON unless a template is none. */
export function inputOf({ Input, InputPath, InputTransformer }: TargetInput, event: DeliveredEvent): string {
  if (Input !== undefined) return Input;
  if (InputPath !== undefined) return JSON.stringify(at(event, InputPath) ?? {});
  if (InputTransformer === undefined) return JSON.stringify(event);
  const { InputPathsMap = {}, InputTemplate } = InputTransformer;
  const named = (name: string) => {
    if (name === 'aws.events.event' || name === 'aws.events.event.json') return event;
    // A path that leads nowhere leaves an empty text.
    return at(event, InputPathsMap[name] ?? '') ?? '';
  };
  // A placeholder is a JSON value; one within a JSON string becomes a part of that string.
  return InputTemplate.replace(/"(?:[^"\\]|\\.)*"|<[^<>"\s]+>/g, (part) =>
    part.startsWith('<')
      ? JSON.stringify(named(part.slice(1, -1)))
      : part.replace(/<([^<>\s]+)>/g, (_, name: string) => within(named(name))),
  );
}

function within(value: unknown): string {
  return JSON.stringify(typeof value === 'string' ? value : JSON.stringify(value)).slice(1, -1);
}

/** The value at a path such as `$.detail.object.version-id` or `$.resources[0]`. */
function at(event: unknown, path: string): unknown {
  const [, ...steps] = path.split(/\.|\[(\d+)\]/).filter(Boolean);
  if (!path.startsWith('$')) return undefined;
  return steps.reduce((value: unknown, step) => (value as Record<string, unknown> | null | undefined)?.[step], event);
}
