import { Arn, ArnFormat, Duration, type Stack } from 'aws-cdk-lib';
import { JsonPath, Pass, QueryLanguage } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { BackgroundRemoval } from '../../infra/background-removal.ts';
import { acceptWildcard } from '../../infra/parts/nag.ts';
import { LoggedStateMachine } from '../../infra/parts/state-machine.ts';
import { RemoveBackground } from '../../infra/remove-background.ts';
import { putOut } from './outputs.ts';

/**
 * Other people's state machines, one in each query language, which start a removal and wait for it. Input: `{imageUrl,
 * resultKey}`. What fails is caught, and put out as `{error}`.
 */
export function addCallers(stack: Stack, { stateMachine }: BackgroundRemoval): void {
  const jsonPath = new Construct(stack, 'JsonPathCaller');
  const inJsonPath = RemoveBackground.jsonPath(jsonPath, 'Cut out', {
    stateMachine,
    imageUrl: JsonPath.stringAt('$.imageUrl'),
    resultKey: JsonPath.stringAt('$.resultKey'),
  });
  inJsonPath.addCatch(Pass.jsonPath(jsonPath, 'Failed'), { resultPath: '$.error' });

  const jsonata = new Construct(stack, 'JsonataCaller');
  const inJsonata = RemoveBackground.jsonata(jsonata, 'Cut out', {
    stateMachine,
    imageUrl: '{% $states.input.imageUrl %}',
    resultKey: '{% $states.input.resultKey %}',
  });
  inJsonata.addCatch(Pass.jsonata(jsonata, 'Failed'), { outputs: { error: '{% $states.errorOutput %}' } });

  const callers = { JsonPathCallerArn: [jsonPath, inJsonPath], JsonataCallerArn: [jsonata, inJsonata] } as const;
  for (const [output, [scope, definition]] of Object.entries(callers)) {
    const caller = new LoggedStateMachine(scope, 'StateMachine', {
      comment: `Starts a removal and waits for it, in ${scope === jsonata ? QueryLanguage.JSONATA : QueryLanguage.JSON_PATH}`,
      definition,
      functions: [],
      timeout: Duration.hours(1),
    });
    const { resourceName } = Arn.split(stateMachine.stateMachineArn, ArnFormat.COLON_RESOURCE_NAME);
    const executions = { service: 'states', resource: 'execution', arnFormat: ArnFormat.COLON_RESOURCE_NAME };
    const arn = stack.formatArn({ ...executions, resourceName: `${resourceName}*` });
    acceptWildcard(caller, arn, 'Executions of the one state machine that the caller starts.');
    putOut(stack, output, caller.stateMachineArn);
  }
}
