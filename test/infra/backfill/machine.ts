import {
  type BackfillReport,
  type Candidate,
  type Planned,
  parseBackfillInput,
} from '../../../functions/backfill/contract.ts';
import { synthesize } from '../../../local/template.ts';
import type { Json } from '../read-template.ts';

/** The state machine of backfills as it is synthesized, and what its states are handed. */

interface Retrier {
  ErrorEquals: string[];
  MaxAttempts?: number;
  MaxDelaySeconds?: number;
}

interface Catcher {
  ErrorEquals: string[];
  ResultPath: string;
  Next: string;
}

export interface State {
  Type: string;
  Next?: string;
  End?: boolean;
  Default?: string;
  Choices?: { Next: string }[];
  Retry?: Retrier[];
  Catch?: Catcher[];
  Resource?: string;
  OutputPath?: string;
  ResultPath?: string | null;
  ResultSelector?: Record<string, string>;
  Result?: Json;
  TimeoutSeconds?: number;
  ItemProcessor?: States & { ProcessorConfig: { Mode: string; ExecutionType: string } };
  // biome-ignore lint/suspicious/noExplicitAny: what readers, writers and batchers say has no types here
  [field: string]: any;
}

export interface States {
  StartAt: string;
  States: Record<string, State>;
}

function machine() {
  const template = synthesize();
  const found = template
    .resources('AWS::StepFunctions::StateMachine')
    .find(({ logicalId }) => /Backfill/.test(logicalId));
  const text: string = found?.properties.DefinitionString;
  const definition: States & { TimeoutSeconds: number } = JSON.parse(text);
  return { template, text, definition };
}

export const { template, text, definition } = machine();

/** A state by its name, also one of those that a Map runs for each item. */
export function state(name: string): State {
  const all = [definition, ...Object.values(definition.States).flatMap(({ ItemProcessor = [] }) => ItemProcessor)];
  const found = all.flatMap(({ States }) => States[name] ?? [])[0];
  if (found === undefined) throw new Error(`There is no state ${name}`);
  return found;
}

export const SELECT = 'Select images';
export const MAP_RUN_FAILED = { ErrorEquals: ['States.ALL'], ResultPath: '$.failure', Next: 'What failed' };
export const STARTS = ['Remove background', 'Remove background anew'];

const places = { uploadsPrefix: '', resultsPrefix: 'out/' };
const context = { ...places, execution: 'nightly', startedAt: '2026-01-01T00:00:00Z' };
export const image: Candidate = { bucket: 'uploads', key: 'cat.jpg', versionId: 'v1', etag: 'e1' };
export const planned: Planned = {
  backfill: parseBackfillInput({}, context),
  plan: { examined: 2, skipped: { empty: 1 }, found: 1, images: 1, priceUsd: 0.018, imagesKey: 'images.jsonl' },
};
export const report: BackfillReport = {
  ...planned.backfill,
  ...planned.plan,
  ...{ status: 'COMPLETED', delivered: 1, superseded: 0, alreadyHandled: 0, failed: {}, summary: 'All is well.' },
  report: { bucket: 'results', key: 'report.json' },
};

/** What the tasks and Map Runs come back with, before the state selects from it. */
const RESULTS: Record<string, unknown> = {
  'Prepare backfill': { Payload: { backfill: planned.backfill } },
  'Plan backfill': { Payload: planned },
  'Report backfill': { Payload: report },
  ...Object.fromEntries(
    [SELECT, 'Remove'].map((name) => [
      name,
      { MapRunArn: 'arn:run', ResultWriterDetails: { Bucket: 'results', Key: 'run/manifest.json' } },
    ]),
  ),
  'Remove background': { ExecutionArn: 'arn:execution', Status: 'SUCCEEDED', Output: { status: 'DELIVERED' } },
  'Remove background anew': { ExecutionArn: 'arn:execution', Status: 'SUCCEEDED', Output: { status: 'DELIVERED' } },
  'Earlier execution': {
    ...{ ExecutionArn: 'arn:execution', Name: 'name', Status: 'FAILED', Error: 'E', RedriveStatus: 'REDRIVABLE' },
  },
  'Redriven execution': { Status: 'SUCCEEDED', Output: '{"status":"DELIVERED"}', Error: 'E', Cause: 'C' },
  'Failed execution': {
    ...{ ExecutionArn: 'arn:execution', Name: 'name', Status: 'FAILED', Error: 'E', RedriveStatus: 'REDRIVABLE' },
    Input: JSON.stringify(image),
  },
  'Its input': { input: image },
  'What failed': { cause: 'C' },
  'Look again': { Payload: { skipped: {}, images: [image] } },
};

/** What a JSONPath leads to; undefined if that is nothing. */
export function at(path: string, input: unknown): unknown {
  const fields = path.split('.').slice(1);
  return fields.reduce((value, field) => (value as Record<string, unknown> | undefined)?.[field], input);
}

export function place(input: unknown, path: string | null | undefined, result: unknown): unknown {
  if (path === null) return input;
  return path === undefined ? result : { ...(input as object), [path.slice(2)]: result };
}

/** What a state puts out. */
export function outputOf(name: string, of: State, input: unknown): unknown {
  if (of.Type === 'Pass') return place(input, of.ResultPath, RESULTS[name] ?? of.Result);
  if (!Object.hasOwn(RESULTS, name)) return input;
  const raw = RESULTS[name];
  const selected = Object.entries(of.ResultSelector ?? {}).map(([key, path]) => [key.slice(0, -2), at(path, raw)]);
  const result = selected.length > 0 ? Object.fromEntries(selected) : raw;
  const output = place(input, of.ResultPath, result);
  return of.OutputPath === undefined ? output : at(of.OutputPath, output);
}

/** How often a state is tried again after an error. */
export function retries({ Retry = [] }: State, error: string): number {
  const isMeant = (name: string) =>
    name === error || name === 'States.ALL' || (name === 'States.TaskFailed' && error !== 'States.Timeout');
  const retrier = Retry.find(({ ErrorEquals }) => ErrorEquals.some(isMeant));
  return retrier === undefined ? 0 : (retrier.MaxAttempts ?? 3);
}
