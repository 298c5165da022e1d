import { type Duration, Lazy, Stack } from 'aws-cdk-lib';
import type { CfnStateMachine, StateMachine } from 'aws-cdk-lib/aws-stepfunctions';

/** Gives the executions of a state machine less time, and leaves all else of its definition as it is. */
export function shortenTimeout(stateMachine: StateMachine, timeout: Duration): void {
  const resource = stateMachine.node.defaultChild as CfnStateMachine;
  const { definitionString } = resource;
  const shortened = Lazy.any({ produce: () => shorten(Stack.of(stateMachine).resolve(definitionString), timeout) });
  resource.addPropertyOverride('DefinitionString', shortened);
}

/** The definition's own time limit is the one that no state has around it: the last. */
function shorten(definition: unknown, timeout: Duration): unknown {
  const text = JSON.stringify(definition);
  const own = /\\"TimeoutSeconds\\":\d+(?=[^{}]*\}"\]?\]?\}?$)/;
  if (!own.test(text)) throw new Error('The definition has no time limit of its own at its end');
  return JSON.parse(text.replace(own, `\\"TimeoutSeconds\\":${timeout.toSeconds()}`));
}
