import { StateMachine, type StateMachineDefinition } from 'aws-local-stepfunctions';

export type Definition = StateMachineDefinition;
export type Json = Parameters<StateMachine['run']>[0];
type State = Definition['States'][string];
type Fields = { [field: string]: Json };

/** The longest time limit, in seconds, that a timer can be set to; AWS's are up to three years. Of tasks that have none, too. */
const LONGEST_TIMEOUT = 2_000_000;

/** A Map state in distributed mode, which the interpreter does not have. */
export interface DistributedMap {
  Label?: string;
  ItemReader?: { Resource: string; Parameters?: Fields; ReaderConfig?: Fields };
  ItemsPath?: string;
  ItemSelector?: Fields;
  ItemBatcher?: Fields;
  ItemProcessor: Definition;
  ResultWriter?: {
    Resource?: string;
    Parameters?: Fields;
    WriterConfig?: { Transformation?: string; OutputType?: string };
  };
}

/** A definition as the interpreter runs it. */
export interface Prepared {
  definition: Definition;
  /** All states, those of branches and inline Map states included. */
  states: [name: string, state: State][];
  /** The Distributed Maps, by name: in the definition, tasks stand in their place. */
  maps: Map<string, DistributedMap>;
  /** Names of the Wait states, likewise. */
  waits: Set<string>;
  /** Whether it uses JSONata, which the interpreter does not know. */
  usesJsonata: boolean;
}

const prepared = new WeakMap<Definition, Prepared>();
/** Definitions that have been checked, as JSON. */
const valid = new Set<string>();

/** The resource of the tasks in the place of Wait states. */
export const WAIT = 'wait';

/**
 * Checks a definition and puts a task in the place of each Distributed Map and Wait state, whose parameters let the
 * interpreter evaluate the reference paths. The check, once for each text, takes longer than all else that an execution takes.
 */
export function prepare(definition: Definition): Prepared {
  const known = prepared.get(definition);
  if (known) return known;
  const text = JSON.stringify(definition);
  if (!valid.has(text)) new StateMachine(definition, { validationOptions: { checkArn: false } });
  valid.add(text);
  const made = rewrite(definition);
  prepared.set(definition, made);
  return made;
}

function rewrite(definition: Definition): Prepared {
  const states: Prepared['states'] = [];
  const maps: Prepared['maps'] = new Map();
  const waits: Prepared['waits'] = new Set();
  const inner = (part: Definition): Definition => ({
    ...part,
    ...(part.TimeoutSeconds !== undefined && { TimeoutSeconds: Math.min(part.TimeoutSeconds, LONGEST_TIMEOUT) }),
    States: Object.fromEntries(Object.entries(part.States).map(([name, state]) => [name, replace(name, state)])),
  });
  const replace = (name: string, state: State): State => {
    const replaced = replacement(name, state);
    states.push([name, replaced]);
    return replaced;
  };
  const replacement = (name: string, state: State): State => {
    if (state.Type === 'Parallel') return { ...state, Branches: state.Branches.map((branch) => inner(branch)) };
    if (state.Type === 'Map') {
      if (isDistributed(state)) {
        const map = state as unknown as DistributedMap & { ItemProcessor: { ProcessorConfig?: unknown } };
        const { ProcessorConfig: _, ...ItemProcessor } = map.ItemProcessor;
        // Checked as a part of the whole.
        prepared.set(ItemProcessor, rewrite(ItemProcessor));
        maps.set(name, { ...map, ItemProcessor });
        return taskInPlaceOfMap(state);
      }
      const processor = state.ItemProcessor ?? state.Iterator;
      return processor ? { ...state, ItemProcessor: inner(processor) } : state;
    }
    if (state.Type === 'Wait') {
      waits.add(name);
      return taskInPlaceOfWait(state);
    }
    if (state.Type !== 'Task' || !state.Resource.includes(':states:startExecution')) return state;
    return 'TimeoutSecondsPath' in state ? state : { TimeoutSeconds: LONGEST_TIMEOUT, ...state };
  };
  const rewritten = inner(definition);
  const usesJsonata = [definition, ...states.map(([, state]) => state)].some(
    (part) => (part as { QueryLanguage?: string }).QueryLanguage === 'JSONata',
  );
  return { definition: rewritten, states, maps, waits, usesJsonata };
}

function isDistributed({ ItemProcessor }: { ItemProcessor?: object }): boolean {
  const { ProcessorConfig } = (ItemProcessor ?? {}) as { ProcessorConfig?: { Mode?: string } };
  return ProcessorConfig?.Mode === 'DISTRIBUTED';
}

/** What a Wait state waits for is told to its handler, and its input is its output. */
function taskInPlaceOfWait(state: State): State {
  const { Seconds, SecondsPath, Timestamp, TimestampPath, ...rest } = state as State & Record<string, Json>;
  const Parameters = evaluated(
    Object.fromEntries(
      Object.entries({ Seconds, SecondsPath, Timestamp, TimestampPath }).filter(([, value]) => value !== undefined),
    ) as Fields,
  );
  return {
    ...rest,
    Type: 'Task',
    Resource: WAIT,
    TimeoutSeconds: LONGEST_TIMEOUT,
    Parameters,
    ResultPath: null,
  } as State;
}

function taskInPlaceOfMap(state: State): State {
  const { ItemReader, ItemsPath, ItemBatcher, ResultWriter, ItemSelector, ItemProcessor, Label, ...rest } =
    state as State & DistributedMap;
  const kept = Object.entries(rest).filter(([field]) => !/^(MaxConcurrency|ToleratedFailure)/.test(field));
  const limits = Object.entries(rest).filter(([field]) => /^(MaxConcurrency|ToleratedFailure)/.test(field));
  return {
    ...Object.fromEntries(kept),
    Type: 'Task',
    Resource: 'distributed map',
    TimeoutSeconds: LONGEST_TIMEOUT,
    Parameters: {
      'Input.$': '$',
      Limits: evaluated(Object.fromEntries(limits)),
      ...(ItemReader
        ? { Source: ItemReader.Parameters ?? {}, ReaderConfig: evaluated(ItemReader.ReaderConfig) }
        : { 'Items.$': ItemsPath ?? '$' }),
      ...(ItemBatcher && { ItemBatcher: evaluated(ItemBatcher) }),
      ...(ResultWriter?.Parameters && { Destination: ResultWriter.Parameters }),
    },
  } as unknown as State;
}

/** Fields whose value is a reference path (`MaxItemsPath`), as parameters that the interpreter evaluates (`MaxItems.$`). */
function evaluated(fields: Fields = {}): Fields {
  return Object.fromEntries(Object.entries(fields).map(([field, value]) => [field.replace(/Path$/, '.$'), value]));
}
