import type { Machines } from '../step-functions.ts';
import type { Template } from '../template.ts';

/** The state machine that a template's output names; without such an output, the first of the template. */
export function stateMachineIn(template: Template): string {
  if (template.outputNames.includes('StateMachineArn')) return template.output('StateMachineArn');
  const [machine] = template.resources('AWS::StepFunctions::StateMachine');
  if (!machine) throw new Error(`The stack ${template.stackName} has no state machine`);
  return template.arn(machine.logicalId);
}

/** The state machines of a template. */
export function machinesOf(template: Template): Machines {
  const stateMachineArn = stateMachineIn(template);
  const { [stateMachineArn]: definition, ...others } = Object.fromEntries(
    template
      .resources('AWS::StepFunctions::StateMachine')
      .map(({ logicalId, properties }) => [
        template.arn(logicalId),
        properties.Definition ?? JSON.parse(properties.DefinitionString),
      ]),
  );
  return { stateMachineArn, definition, others };
}
