import { synthesize, type Template } from '../../../local/template.ts';

/** The state machine of an image as it is synthesized. */

interface Retrier {
  ErrorEquals: string[];
  IntervalSeconds?: number;
  MaxAttempts?: number;
  BackoffRate?: number;
  MaxDelaySeconds?: number;
  JitterStrategy?: 'FULL' | 'NONE';
}

export interface State {
  Type: string;
  Next?: string;
  Default?: string;
  Choices?: { Next: string }[];
  End?: boolean;
  Retry?: Retrier[];
  Catch?: { ErrorEquals: string[]; ResultPath: string | null; Next: string }[];
  Resource?: string;
  Parameters?: Record<string, unknown>;
  TimeoutSeconds?: number;
  OutputPath?: string;
}

export interface Definition {
  StartAt: string;
  TimeoutSeconds: number;
  States: Record<string, State>;
}

/** The definition, as text, of the state machine that removes the background of one image. */
export function definitionIn(template: Template): string {
  const machines = template.resources('AWS::StepFunctions::StateMachine');
  return machines.find(({ logicalId }) => /Workflow/.test(logicalId))?.properties.DefinitionString;
}

export const template = synthesize();
export const text = definitionIn(template);
export const definition: Definition = JSON.parse(text);

export function state(name: string): State {
  const found = definition.States[name];
  if (found === undefined) throw new Error(`There is no state ${name}`);
  return found;
}

export const TASKS = ['Submit', 'Check status', 'Deliver'];
export const SIX_HOURS = 6 * 3600;
